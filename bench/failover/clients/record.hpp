#pragma once
// Lines of JSON on standard output, and the clock their times are of.
//
// print() may be called from any thread; a json_line belongs to one.
#include <cstdint>
#include <string>
#include <string_view>

namespace pgsteer::bench {

// Seconds of CLOCK_MONOTONIC, as Python's time.monotonic().
[[nodiscard]] double now_seconds();
void sleep_until_seconds(double when);

class json_line {
 public:
  json_line& add(std::string_view key, std::string_view value);
  json_line& add(std::string_view key, double seconds);
  json_line& add_count(std::string_view key, std::uint64_t value);
  // One whole line, at once, also if the program is killed afterwards.
  void print() const;

 private:
  void add_key(std::string_view key);
  std::string text_;
};

}  // namespace pgsteer::bench
