// What reaches stderr: one line per event, and nothing from a peer that could forge or break one.
#include "pgsteer/base/log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <string>
#include <string_view>

namespace pgsteer {
namespace {

using testing::EndsWith;
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
  const std::string escaped = text_field(std::string(log_field_bytes_max, '\n'));
  EXPECT_THAT(escaped, StartsWith("\"\\u000a"));
  EXPECT_THAT(escaped, EndsWith("\\u000a...\""));
  EXPECT_LE(escaped.size(), log_field_bytes_max + 5);
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

// Stderr is a pipe that nobody reads until read_line().
class unread_stderr {
 public:
  unread_stderr() : before_(::dup(STDERR_FILENO)) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe(ends), 0);
    EXPECT_EQ(::dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    ::close(ends[1]);
    read_end_ = ::fdopen(ends[0], "r");
  }
  ~unread_stderr() {
    ::dup2(before_, STDERR_FILENO);
    ::close(before_);
    std::fclose(read_end_);
  }
  unread_stderr(const unread_stderr&) = delete;
  unread_stderr& operator=(const unread_stderr&) = delete;

  std::string read_line() {
    char line[256] = "";
    EXPECT_NE(std::fgets(line, sizeof line, read_end_), nullptr);
    return line;
  }

 private:
  int before_;
  FILE* read_end_ = nullptr;
};

// What finds no room in the queue is gone, but known: each line is read or counted.
TEST(Log, TellsHowManyLinesWereLost) {
  constexpr std::uint64_t lines = 50'000;
  unread_stderr unread;
  start_logging({});
  for (std::uint64_t i = 0; i < lines; ++i) log(log_level::info, "event");
  const std::uint64_t lost = log_lines_lost();
  EXPECT_GT(lost, 0U);
  std::uint64_t read = 0;
  std::uint64_t told = 0;
  while (read + told < lines) {
    const std::string line = unread.read_line().substr(time_bytes);
    if (line == "info    event\n") {
      ++read;
    } else {
      constexpr std::string_view words = "warning log lines lost, nobody read them in time lines=";
      ASSERT_THAT(line, StartsWith(std::string(words)));
      told += std::stoull(line.substr(words.size()));
    }
  }
  EXPECT_EQ(told, lost);
  EXPECT_EQ(read + told, lines);
  EXPECT_TRUE(stop_logging());
  EXPECT_EQ(log_lines_lost(), 0U);
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

TEST(Log, ChangesWhatAndHowItWritesFromTheNextLineOn) {
  const std::string lines = logged({}, [] {
    log(log_level::debug, "one");
    log(log_level::info, "two");
    change_logging({log_level::debug, log_format::json});
    log(log_level::debug, "three");
  });
  EXPECT_THAT(lines, testing::Not(testing::HasSubstr("one")));
  EXPECT_THAT(lines, testing::HasSubstr("info    two\n"));
  EXPECT_THAT(lines, EndsWith(R"("level":"debug","event":"three"})"
                              "\n"));
}

}  // namespace
}  // namespace pgsteer
