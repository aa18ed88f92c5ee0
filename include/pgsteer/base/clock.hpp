#pragma once
// Monotonic time. Decisions never read the wall clock; pure modules are handed a time_point.
#include <chrono>

namespace pgsteer {

using clock = std::chrono::steady_clock;
using time_point = clock::time_point;
using duration = clock::duration;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// As logs and metrics give it.
constexpr double in_seconds(duration value) noexcept {
  return std::chrono::duration<double>(value).count();
}

}  // namespace pgsteer
