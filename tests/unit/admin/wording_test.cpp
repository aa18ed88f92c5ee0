#include "admin/wording.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace pgsteer::admin {
namespace {

TEST(Wording, BytesTakeTheUnitThatReadsBest) {
  const struct {
    std::uint64_t bytes;
    const char* words;
  } cases[] = {
      {0, "0 B"},
      {1023, "1023 B"},
      {1024, "1.0 KiB"},
      {1536, "1.5 KiB"},
      {1048575, "1.0 MiB"},
      {16777216, "16.0 MiB"},
      {std::uint64_t{5} << 40, "5.0 TiB"},
      {std::numeric_limits<std::uint64_t>::max(), "16.0 EiB"},
  };
  for (const auto& each : cases) EXPECT_EQ(bytes_in_words(each.bytes), each.words);
}

TEST(Wording, AgesTakeTheUnitThatReadsBest) {
  const struct {
    int ms;
    const char* words;
  } cases[] = {{0, "0 ms"},       {999, "999 ms"},  {1000, "1.0 s"},     {3290, "3.2 s"},
               {59999, "59.9 s"}, {60000, "1 min"}, {3599999, "59 min"}, {7200000, "2 h"}};
  for (const auto& each : cases) EXPECT_EQ(age_in_words(std::chrono::milliseconds{each.ms}), each.words);
}

TEST(Wording, WhatIsLongAgoHasNoFractions) {
  const struct {
    int ms;
    const char* words;
  } cases[] = {{-5, "just now"},     {999, "just now"},    {1000, "1 s ago"},    {59999, "59 s ago"},
               {60000, "1 min ago"}, {7200000, "2 h ago"}, {86400000, "1 d ago"}};
  for (const auto& each : cases) EXPECT_EQ(ago_in_words(std::chrono::milliseconds{each.ms}), each.words);
}

TEST(Wording, IllFormedUtf8IsReplaced) {
  const struct {
    const char* name;
    std::string text;
    std::string well;
  } cases[] = {
      {"plain", "abc", "abc"},
      {"two bytes", "\xc3\xa4", "\xc3\xa4"},
      {"Latin-1", "\xe4 b", "\xef\xbf\xbd b"},
      {"cut off", "a\xc3", "a\xef\xbf\xbd"},
      {"overlong", "\xc0\xbc", "\xef\xbf\xbd\xef\xbf\xbd"},
      {"a lead byte before text", "\xe4<b", "\xef\xbf\xbd<b"},
      {"a zero", std::string("a\0b", 3), std::string("a\0b", 3)},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.name);
    EXPECT_EQ(well_formed(each.text), each.well);
  }
}

TEST(Wording, HtmlEscapesEveryCharacterThatMeansSomething) {
  EXPECT_EQ(html_escaped(R"(<a href="x" title='y'>&amp;)"),
            "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;amp;");
}

TEST(Wording, NoControlCharacterReachesATerminal) {
  EXPECT_EQ(terminal_safe("a\x1b[2J\x07\n\x7f\xc2\x9b"
                          "31m\xc3\xa4"),
            "a?[2J????31m\xc3\xa4");
}

// Zero width, right to left, a line's end, the byte order mark; a dash and an ellipsis are text.
TEST(Wording, ATerminalIsNotTurnedRound) {
  EXPECT_EQ(terminal_safe("a\u200bb\u202ec\u2028d\u2066e\ufefff"), "a?b?c?d?e?f");
  EXPECT_EQ(terminal_safe_json("[\"a\u200b\u009b\x7f\u061c\u00e9\U0001f600\\n\",\n1]"),
            "[\"a\\u200b\\u009b\\u007f\\u061c\u00e9\U0001f600\\n\",\n1]");
  EXPECT_EQ(terminal_safe("\u2014\u2026\u00a0\U0001f600"), "\u2014\u2026\u00a0\U0001f600");
}

}  // namespace
}  // namespace pgsteer::admin
