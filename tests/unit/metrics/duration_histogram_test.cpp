#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "pgsteer/metrics/counters.hpp"

namespace pgsteer::metrics {
namespace {

constexpr std::size_t overflow_bucket = duration_histogram::bounds_seconds.size();

TEST(DurationHistogram, PutsEachValueIntoTheFirstBucketThatHoldsIt) {
  const struct {
    const char* name;
    double seconds;
    std::size_t bucket;
  } cases[] = {
      {"zero", 0, 0},
      {"on the first bound", 0.0005, 0},
      {"just above the first bound", 0.00051, 1},
      {"on an inner bound", 0.25, 8},
      {"between bounds", 3, 12},
      {"on the last bound", 60, 14},
      {"above every bound", 60.001, overflow_bucket},
      {"negative counts as zero", -1, 0},
      {"not a number counts as zero", std::nan(""), 0},
      {"infinite", std::numeric_limits<double>::infinity(), overflow_bucket},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.name);
    duration_histogram histogram;
    histogram.observe(each.seconds);
    for (std::size_t i = 0; i <= overflow_bucket; ++i) {
      EXPECT_EQ(histogram.bucket(i), i == each.bucket ? 1U : 0U) << "bucket " << i;
    }
  }
}

TEST(DurationHistogram, SumsToTheMicrosecond) {
  duration_histogram histogram;
  histogram.observe(0.0000014);
  histogram.observe(1.5);
  histogram.observe(-4);
  EXPECT_DOUBLE_EQ(histogram.sum_seconds(), 1.500001);
}

}  // namespace
}  // namespace pgsteer::metrics
