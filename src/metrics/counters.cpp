#include "pgsteer/metrics/counters.hpp"

#include <algorithm>
#include <cmath>

namespace pgsteer::metrics {

void duration_histogram::observe(double seconds) noexcept {
  // Negative, NaN and infinite values can only come from broken arithmetic of ours; the sum must survive
  // them.
  constexpr double seconds_max = 1e9;
  const double sane = seconds > 0 ? std::min(seconds, seconds_max) : 0.0;
  // A bucket holds values up to and including its bound ("le").
  const auto bound = std::lower_bound(bounds_seconds.begin(), bounds_seconds.end(), sane);
  buckets_[static_cast<std::size_t>(bound - bounds_seconds.begin())].add();
  sum_us_.add(static_cast<std::uint64_t>(std::llround(sane * 1e6)));
}

byte_tally& byte_tallies::add() {
  const std::lock_guard lock(mutex_);
  return tallies_.emplace_back();
}

std::array<std::uint64_t, 2> byte_tallies::sum() const {
  const std::lock_guard lock(mutex_);
  std::array<std::uint64_t, 2> all{};
  for (const byte_tally& each : tallies_) {
    for (std::size_t i = 0; i < all.size(); ++i) all[i] += each.bytes[i].value();
  }
  return all;
}

}  // namespace pgsteer::metrics
