#pragma once
// eventually(): the one way a test waits for something that happens on another thread. Always bounded.
//
// Not a sleep: it returns as soon as the predicate holds. Any thread.
#include <chrono>
#include <thread>

namespace pgsteer::test {

// What a healthy machine does in milliseconds and a sanitizer build on a busy one in seconds.
inline constexpr std::chrono::milliseconds patience{8'000};

// How much longer a sanitizer may make what has a bound of its own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr int slowness = 4;
#else
inline constexpr int slowness = 1;
#endif

// True as soon as predicate() is; false if it never was within deadline.
template <class Predicate>
[[nodiscard]] bool eventually(std::chrono::milliseconds deadline, Predicate predicate) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!predicate()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
  return true;
}

// True if predicate() held at every look for the whole span: for "nothing happens".
template <class Predicate>
[[nodiscard]] bool stays_true(std::chrono::milliseconds span, Predicate predicate) {
  return !eventually(span, [&predicate] { return !predicate(); });
}

}  // namespace pgsteer::test
