#include "config/closest_word.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace pgsteer::config {
namespace {

constexpr std::array<std::string_view, 5> known{"interval", "burst_interval", "prefer-standby", "user",
                                                "database"};

TEST(ClosestWord, FindsTypingErrors) {
  EXPECT_EQ(closest_word("intervall", known), "interval");
  EXPECT_EQ(closest_word("inetrval", known), "interval");
  EXPECT_EQ(closest_word("Interval", known), "interval");
  EXPECT_EQ(closest_word("burst-interval", known), "burst_interval");
  EXPECT_EQ(closest_word("prefer_standby", known), "prefer-standby");
  EXPECT_EQ(closest_word("usr", known), "user");
}

TEST(ClosestWord, IsSilentWhenNothingIsClose) {
  for (const std::string_view text : {"", "x", "password", "timeout", "zzzzzzzz"}) {
    SCOPED_TRACE(text);
    EXPECT_EQ(closest_word(text, known), "");
  }
  EXPECT_EQ(closest_word(std::string(100'000, 'i'), known), "");
  EXPECT_EQ(closest_word("interval", {}), "");
}

}  // namespace
}  // namespace pgsteer::config
