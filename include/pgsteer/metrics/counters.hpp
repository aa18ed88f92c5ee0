#pragma once
// Counters as plain structs, grouped by who counts; the exposition reads them on a scrape.
//
// Not prometheus-cpp (that is exposition.cpp alone). Increments are relaxed atomics: any thread, no lock.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>

namespace pgsteer::metrics {

// Grows only, but for gauges that also use subtract().
class counter {
 public:
  void add(std::uint64_t n = 1) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }
  void subtract(std::uint64_t n = 1) noexcept { value_.fetch_sub(n, std::memory_order_relaxed); }
  void set(std::uint64_t n) noexcept { value_.store(n, std::memory_order_relaxed); }
  // For the one thread that ever changes it: no locked instruction.
  void add_alone(std::uint64_t n) noexcept { set(value() + n); }
  [[nodiscard]] std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Durations in seconds, fixed buckets from 0.5 ms to 60 s: a login on a local network is about 5 ms, a hold
// lasts up to hold_timeout.
class duration_histogram {
 public:
  static constexpr std::array<double, 15> bounds_seconds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                         0.25,   0.5,   1,      2.5,   5,    10,    60};
  void observe(double seconds) noexcept;
  [[nodiscard]] std::uint64_t bucket(std::size_t i) const noexcept {
    return buckets_[i].value();
  }  // not cumulative
  [[nodiscard]] double sum_seconds() const noexcept { return static_cast<double>(sum_us_.value()) / 1e6; }

 private:
  std::array<counter, bounds_seconds.size() + 1> buckets_;
  counter sum_us_;
};

// Written by one worker's relay engine; index 0 is client to backend, 1 backend to client.
struct relay_counters {
  std::array<counter, 2> bytes;
  counter turns;          // wake-ups of the engine
  counter stalls;         // times a direction had to wait for a slow reader
  counter spliced_bytes;  // of both directions, that went through a pipe
  counter spins;          // times the worker polled instead of waiting
  counter vain_spins;     // and nothing came
};

// Bytes that one worker has passed on for one listener; by direction, as in relay_counters. A cache line of
// its own, since it changes with every message.
struct alignas(64) byte_tally {
  std::array<counter, 2> bytes;
};

// What all workers have passed on for one listener, as it passes. Any thread; the lock is taken when a worker
// meets the listener for the first time and when somebody asks for the sum, never while bytes move.
class byte_tallies {
 public:
  // For one thread alone to count in; lives as long as this.
  [[nodiscard]] byte_tally& add();
  [[nodiscard]] std::array<std::uint64_t, 2> sum() const;

 private:
  mutable std::mutex mutex_;
  std::deque<byte_tally> tallies_;
};

}  // namespace pgsteer::metrics
