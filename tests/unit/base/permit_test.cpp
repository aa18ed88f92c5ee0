#include "pgsteer/base/permit.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace pgsteer {
namespace {

TEST(PermitPool, RefusesBeyondItsLimit) {
  permit_pool pool;
  const auto first = pool.take(2);
  const auto second = pool.take(2);
  EXPECT_TRUE(first && second);
  EXPECT_FALSE(pool.take(2));
  EXPECT_EQ(pool.used(), 2U);
}

TEST(PermitPool, GetsBackWhatIsReleased) {
  permit_pool pool;
  {
    const auto held = pool.take(1);
    EXPECT_FALSE(pool.take(1));
  }
  EXPECT_EQ(pool.used(), 0U);
  EXPECT_TRUE(pool.take(1));
}

TEST(PermitPool, AMovedPermitCountsOnce) {
  permit_pool pool;
  auto taken = pool.take(3);
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

// What is out when the limit is lowered stays out.
TEST(PermitPool, GoesByTheLimitOfTheMoment) {
  permit_pool pool;
  auto first = pool.take(2);
  auto second = pool.take(2);
  first.reset();
  EXPECT_FALSE(pool.take(1));
  EXPECT_EQ(pool.used(), 1U);
  second.reset();
  EXPECT_TRUE(pool.take(1));
}

}  // namespace
}  // namespace pgsteer
