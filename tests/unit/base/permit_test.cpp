#include "pgsteer/base/permit.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace pgsteer {
namespace {

TEST(PermitPool, RefusesBeyondItsLimit) {
  permit_pool pool(2);
  const auto first = pool.take();
  const auto second = pool.take();
  EXPECT_TRUE(first && second);
  EXPECT_FALSE(pool.take());
  EXPECT_EQ(pool.used(), 2U);
}

TEST(PermitPool, GetsBackWhatIsReleased) {
  permit_pool pool(1);
  {
    const auto held = pool.take();
    EXPECT_FALSE(pool.take());
  }
  EXPECT_EQ(pool.used(), 0U);
  EXPECT_TRUE(pool.take());
}

TEST(PermitPool, AMovedPermitCountsOnce) {
  permit_pool pool(3);
  auto taken = pool.take();
  permit kept = std::move(*taken);
  taken.reset();
  EXPECT_EQ(pool.used(), 1U);
  permit other;
  other = std::move(kept);
  EXPECT_EQ(pool.used(), 1U);
  other.release();
  other.release();
  EXPECT_EQ(pool.used(), 0U);
}

}  // namespace
}  // namespace pgsteer
