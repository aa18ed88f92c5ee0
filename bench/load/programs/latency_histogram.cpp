#include "programs/latency_histogram.hpp"

#include <algorithm>
#include <cmath>

namespace pgsteer::bench {

double latency_histogram::quantile_seconds(double q) const {
  const auto rank =
      std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_))));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen < rank) continue;
    if (i < linear) return static_cast<double>(i) * 1e-9;
    const std::size_t power = i / linear;
    return std::ldexp(static_cast<double>(linear + i % linear + 1), static_cast<int>(power - 1)) * 1e-9;
  }
  return 0;
}

}  // namespace pgsteer::bench
