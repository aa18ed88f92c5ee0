#include "relay/stuck_bytes.hpp"

#include <gtest/gtest.h>

namespace pgsteer::relay {
namespace {

TEST(StuckBytes, OwnsNothingUntilSomethingIsKept) {
  stuck_bytes stuck;
  EXPECT_TRUE(stuck.empty());
  EXPECT_EQ(stuck.capacity(), 0U);
  stuck.keep({});
  EXPECT_TRUE(stuck.empty());
}

TEST(StuckBytes, GivesBackWhatItKeptInOrder) {
  stuck_bytes stuck;
  stuck.keep(as_bytes("abcdef"));
  EXPECT_EQ(as_text(stuck.view()), "abcdef");
  stuck.consume(2);
  EXPECT_EQ(as_text(stuck.view()), "cdef");
  EXPECT_EQ(stuck.capacity(), 6U);
}

TEST(StuckBytes, FreesItsMemoryWithTheLastByte) {
  stuck_bytes stuck;
  stuck.keep(as_bytes("abc"));
  stuck.consume(3);
  EXPECT_TRUE(stuck.empty());
  EXPECT_EQ(stuck.capacity(), 0U);
  stuck.keep(as_bytes("xyz"));
  EXPECT_EQ(as_text(stuck.view()), "xyz");
}

}  // namespace
}  // namespace pgsteer::relay
