#pragma once
// Counts of latencies in buckets of at most 1/64 of their value: quantiles to 1.6 %, whatever their range.
//
// A value; not thread-safe. The layout is HdrHistogram's: 64 linear buckets to each power of two.
#include <array>
#include <bit>
#include <cstdint>

namespace pgsteer::bench {

class latency_histogram {
 public:
  void add(std::uint64_t nanoseconds) {
    ++counts_[bucket_of(nanoseconds)];
    ++count_;
  }
  void clear() { *this = {}; }
  [[nodiscard]] std::uint64_t count() const { return count_; }

  // The nearest-rank quantile in seconds, as the upper end of its bucket; 0 of nothing.
  [[nodiscard]] double quantile_seconds(double q) const;

 private:
  static constexpr unsigned linear_bits = 6;
  static constexpr std::size_t linear = 1U << linear_bits;
  // Up to 2^37 ns, more than two minutes: far above any patience here.
  static constexpr std::size_t powers = 32;

  [[nodiscard]] static std::size_t bucket_of(std::uint64_t value) {
    if (value < linear) return value;
    const auto power = static_cast<unsigned>(std::bit_width(value)) - linear_bits;  // 1 for 64..127
    if (power >= powers) return linear * powers - 1;
    return power * linear + ((value >> (power - 1)) - linear);
  }

  std::array<std::uint32_t, linear * powers> counts_{};
  std::uint64_t count_ = 0;
};

}  // namespace pgsteer::bench
