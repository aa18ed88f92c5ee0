#pragma once
// eventually(): the one way a test waits for something that happens on another thread. Always bounded.
//
// Not a sleep: it returns as soon as the predicate holds. Not a stopwatch either: a test says what happened
// and in which order, never how fast; that is measured in bench and scripts/soak. Any thread.
#include <chrono>
#include <thread>

namespace pgsteer::test {

// The bound of every wait for an event. A healthy machine needs milliseconds, a sanitizer build on a busy
// one seconds; only what never happens takes this long.
inline constexpr std::chrono::milliseconds patience{60'000};

// For the deadlines of pgsteer that are not to act in a test: what ends within patience was not ended by one.
inline constexpr std::chrono::milliseconds beyond_patience = 10 * patience;

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
