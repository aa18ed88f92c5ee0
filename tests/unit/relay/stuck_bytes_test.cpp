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

TEST(StuckBytes, GrowsBehindWhatItKeeps) {
  stuck_bytes stuck;
  stuck.keep(as_bytes("abcdef"));
  stuck.consume(4);
  const mutable_byte_span room = stuck.make_room(2);
  room[0] = 'x';
  room[1] = 'y';
  EXPECT_EQ(as_text(stuck.view()), "efxy");
  EXPECT_EQ(stuck.capacity(), 4U);
}

TEST(StuckBytes, TakesMemoryOverAndCountsAllOfIt) {
  stuck_bytes stuck;
  auto memory = std::make_unique<std::uint8_t[]>(100);
  memory[0] = 'a';
  stuck.adopt(std::move(memory), 100, 1);
  EXPECT_EQ(as_text(stuck.view()), "a");
  EXPECT_EQ(stuck.capacity(), 100U);
  stuck.consume(1);
  EXPECT_EQ(stuck.capacity(), 0U);
}

}  // namespace
}  // namespace pgsteer::relay
