#include "config/units.hpp"

#include <gtest/gtest.h>

namespace pgsteer::config {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

TEST(ParseDuration, ReadsEveryUnit) {
  EXPECT_EQ(parse_duration("500ms"), milliseconds{500});
  EXPECT_EQ(parse_duration("2s"), milliseconds{2'000});
  EXPECT_EQ(parse_duration("1m"), minutes{1});
  EXPECT_EQ(parse_duration("24h"), hours{24});
  EXPECT_EQ(parse_duration("0s"), milliseconds{0});
}

TEST(ParseDuration, RefusesWhatCouldBeMeantOtherwise) {
  for (const std::string_view text : {"", "500", "ms", "1.5s", "-1s", "+1s", "5 ms", " 5ms", "5ms ", "5us",
                                      "5MS", "1m30s", "010s", "1e3ms", "0x10s", "5d"}) {
    SCOPED_TRACE(text);
    EXPECT_FALSE(parse_duration(text));
  }
}

TEST(ParseDuration, RefusesOverflow) {
  EXPECT_TRUE(parse_duration("9223372036854775807ms"));
  EXPECT_FALSE(parse_duration("9223372036854775808ms"));
  EXPECT_FALSE(parse_duration("9223372036854775807s"));
  EXPECT_FALSE(parse_duration("99999999999999999999999h"));
}

TEST(ParseSize, ReadsEveryUnit) {
  EXPECT_EQ(parse_size("512B"), 512U);
  EXPECT_EQ(parse_size("64KiB"), 65'536U);
  EXPECT_EQ(parse_size("16MiB"), 16U << 20U);
  EXPECT_EQ(parse_size("1GiB"), 1U << 30U);
}

TEST(ParseSize, RefusesUnitsWithTwoMeanings) {
  for (const std::string_view text :
       {"16MB", "16M", "64kB", "64k", "64kib", "1024", "B", "1TiB", "17179869184GiB"}) {
    SCOPED_TRACE(text);
    EXPECT_FALSE(parse_size(text));
  }
}

TEST(DurationText, ChoosesTheLargestUnitThatDivides) {
  EXPECT_EQ(duration_text(milliseconds{0}), "0s");
  EXPECT_EQ(duration_text(milliseconds{1}), "1ms");
  EXPECT_EQ(duration_text(milliseconds{1'500}), "1500ms");
  EXPECT_EQ(duration_text(seconds{90}), "90s");
  EXPECT_EQ(duration_text(minutes{60}), "1h");
}

TEST(DurationText, ParsesBackToTheSameValue) {
  for (const int ms : {0, 1, 999, 1'000, 1'001, 60'000, 61'000, 3'600'000, 86'400'000}) {
    SCOPED_TRACE(ms);
    EXPECT_EQ(parse_duration(duration_text(milliseconds{ms})), milliseconds{ms});
  }
}

TEST(SizeText, ParsesBackToTheSameValue) {
  for (const std::uint64_t bytes : {0ULL, 1ULL, 1023ULL, 1024ULL, 1025ULL, 1ULL << 20, 3ULL << 30}) {
    SCOPED_TRACE(bytes);
    EXPECT_EQ(parse_size(size_text(bytes)), bytes);
  }
}

TEST(SizeMeant, GuessesBinaryUnits) {
  EXPECT_EQ(size_meant("16MB"), "16MiB");
  EXPECT_EQ(size_meant("64 kB"), "64KiB");
  EXPECT_EQ(size_meant("1g"), "1GiB");
  EXPECT_EQ(size_meant("1024"), "");
  EXPECT_EQ(size_meant("MB"), "");
  EXPECT_EQ(size_meant("5 "), "");
  EXPECT_EQ(size_meant("18446744073709551616KiB"), "") << "what is meant cannot be what was said";
  EXPECT_EQ(size_meant("10x"), "");
}

}  // namespace
}  // namespace pgsteer::config
