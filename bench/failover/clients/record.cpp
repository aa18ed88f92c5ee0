#include "clients/record.hpp"

#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <ctime>

namespace pgsteer::bench {
namespace {

std::string quoted(std::string_view value) {
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) {
      out += '?';
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace

double now_seconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

void sleep_until_seconds(double when) {
  const double whole = std::floor(when);
  const timespec until{static_cast<std::time_t>(whole), static_cast<long>((when - whole) * 1e9)};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
}

void json_line::add_key(std::string_view key) {
  text_ += text_.empty() ? "{" : ", ";
  text_ += quoted(key) + ": ";
}

json_line& json_line::add(std::string_view key, std::string_view value) {
  add_key(key);
  text_ += quoted(value);
  return *this;
}

json_line& json_line::add(std::string_view key, double seconds) {
  add_key(key);
  char number[32];
  std::snprintf(number, sizeof number, "%.6f", seconds);
  text_ += number;
  return *this;
}

json_line& json_line::add_count(std::string_view key, std::uint64_t value) {
  add_key(key);
  text_ += std::to_string(value);
  return *this;
}

void json_line::print() const {
  const std::string line = text_ + "}\n";
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, rest.data(), rest.size());
    if (written <= 0) return;
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace pgsteer::bench
