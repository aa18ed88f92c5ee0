// What reaches stderr: one line per event, and nothing from a peer that could forge or break one.
#include "pgsteer/base/log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace pgsteer {
namespace {

using testing::MatchesRegex;
using testing::StartsWith;

// What write puts out, without the time, which is checked apart.
std::string logged(const log_options& options, const std::function<void()>& write) {
  testing::internal::CaptureStderr();
  start_logging(options);
  write();
  EXPECT_TRUE(stop_logging());
  return testing::internal::GetCapturedStderr();
}

constexpr std::size_t time_bytes = sizeof("2024-01-01T00:00:00.000Z ") - 1;

std::string text_field(std::string_view value) {
  const std::string line = logged({}, [&] { log(log_level::info, "e", {{"k", value}}); });
  const std::string begin = "info    e k=";
  EXPECT_THAT(line.substr(time_bytes), StartsWith(begin));
  EXPECT_EQ(line.find('\n'), line.size() - 1) << "one line, ended";
  return line.substr(time_bytes + begin.size(), line.size() - 1 - time_bytes - begin.size());
}

TEST(Log, WritesTimeLevelEventAndFields) {
  const std::string line = logged({}, [] {
    log(log_level::warning, "session ended",
        {{"client", std::string_view("10.0.0.9:41000")},
         {"bytes", std::int64_t{12}},
         {"seconds", 0.25},
         {"held", true}});
  });
  EXPECT_THAT(
      line, MatchesRegex("[0-9-]{10}T[0-9:]{8}\\.[0-9]{3}Z warning session ended client=10\\.0\\.0\\.9:41000 "
                         "bytes=12 seconds=0\\.250 held=true\n"));
}

TEST(Log, WritesOneJsonObject) {
  const std::string line = logged({log_level::info, log_format::json}, [] {
    log(log_level::error, "a \"b\"",
        {{"user", std::string_view("x\ny\\")}, {"n", std::int64_t{-1}}, {"held", false}});
  });
  EXPECT_THAT(line, MatchesRegex("\\{\"time\":\"[0-9TZ:.-]{24}\",\"level\":\"error\",.*"));
  EXPECT_NE(line.find(R"("event":"a \"b\"","user":"x\u000ay\\","n":-1,"held":false})"
                      "\n"),
            std::string::npos)
      << line;
}

TEST(Log, QuotesWhatCouldForgeAField) {
  EXPECT_EQ(text_field("plain"), "plain");
  EXPECT_EQ(text_field(""), "\"\"");
  EXPECT_EQ(text_field("a b"), "\"a b\"");
  EXPECT_EQ(text_field("a=b"), "\"a=b\"");
  EXPECT_EQ(text_field("a\" level=error"), "\"a\\\" level=error\"");
  EXPECT_EQ(text_field("a\nb\x1b[31m"), "\"a\\u000ab\\u001b[31m\"");
  EXPECT_EQ(text_field(std::string_view("\0\xff", 2)), "\"\\u0000\\u00ff\"");
}

TEST(Log, CutsLongFields) {
  const std::string longest(log_field_bytes_max, 'x');
  EXPECT_EQ(text_field(longest), longest);
  EXPECT_EQ(text_field(longest + "y"), "\"" + longest + "...\"");
}

TEST(Log, DropsWhatIsBelowTheLevel) {
  const std::string text = logged({log_level::warning, log_format::text}, [] {
    EXPECT_FALSE(is_logged(log_level::info));
    EXPECT_TRUE(is_logged(log_level::warning));
    log(log_level::debug, "no");
    log(log_level::info, "no");
    log(log_level::error, "yes");
  });
  EXPECT_EQ(text.substr(time_bytes), "error   yes\n");
}

TEST(Log, IsSilentBeforeStartAndAfterStop) {
  testing::internal::CaptureStderr();
  log(log_level::error, "before");
  start_logging({});
  EXPECT_TRUE(stop_logging());
  EXPECT_TRUE(stop_logging());
  log(log_level::error, "after");
  EXPECT_FALSE(is_logged(log_level::error));
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace pgsteer
