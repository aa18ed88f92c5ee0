#include "config/closest_word.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace pgsteer::config {
namespace {

constexpr std::array<std::string_view, 5> known_words{"interval", "burst_interval", "prefer-standby", "user",
                                                      "database"};

TEST(ClosestWord, FindsTypingErrors) {
  EXPECT_EQ(closest_word("intervall", known_words), "interval");
  EXPECT_EQ(closest_word("inetrval", known_words), "interval");
  EXPECT_EQ(closest_word("Interval", known_words), "interval");
  EXPECT_EQ(closest_word("burst-interval", known_words), "burst_interval");
  EXPECT_EQ(closest_word("prefer_standby", known_words), "prefer-standby");
  EXPECT_EQ(closest_word("usr", known_words), "user");
}

TEST(ClosestWord, IsSilentWhenNothingIsClose) {
  for (const std::string_view text : {"", "x", "password", "timeout", "zzzzzzzz"}) {
    SCOPED_TRACE(text);
    EXPECT_EQ(closest_word(text, known_words), "");
  }
  EXPECT_EQ(closest_word(std::string(100'000, 'i'), known_words), "");
  EXPECT_EQ(closest_word("interval", {}), "");
}

}  // namespace
}  // namespace pgsteer::config
