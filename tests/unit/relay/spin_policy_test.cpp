// When a worker polls instead of waiting.
#include "pgsteer/relay/spin_policy.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace pgsteer::relay {
namespace {

constexpr time_point start{seconds{100}};
constexpr auto short_wait = microseconds{50};

spin_policy after_short_waits() {
  spin_policy policy;
  for (int i = 0; i < spin_policy::short_waits_min; ++i) policy.waited(short_wait);
  return policy;
}

TEST(SpinPolicy, WaitsUntilWaitsHaveBeenShort) {
  spin_policy policy;
  EXPECT_FALSE(policy.wants_to_spin(start));
  for (int i = 1; i < spin_policy::short_waits_min; ++i) {
    policy.waited(short_wait);
    EXPECT_FALSE(policy.wants_to_spin(start));
  }
  policy.waited(spin_policy::spin_time);
  EXPECT_TRUE(policy.wants_to_spin(start));
}

TEST(SpinPolicy, ALongWaitBeginsAnew) {
  spin_policy policy = after_short_waits();
  policy.waited(spin_policy::spin_time + microseconds{1});
  EXPECT_FALSE(policy.wants_to_spin(start));
  policy.waited(short_wait);
  EXPECT_FALSE(policy.wants_to_spin(start));
}

TEST(SpinPolicy, GoesOnWhileSpinsHitAndStopsWhenOneMisses) {
  spin_policy policy = after_short_waits();
  policy.hit();
  EXPECT_TRUE(policy.wants_to_spin(start));
  policy.missed();
  EXPECT_FALSE(policy.wants_to_spin(start));
}

// Somebody else wants the core: again and again, so ever longer; once a spin hits, from the beginning.
TEST(SpinPolicy, PausesEverLongerWhereTheCoreIsWanted) {
  spin_policy policy = after_short_waits();
  time_point now = start;
  duration expected = spin_policy::pause_min;
  for (int i = 0; i < 12; ++i) {
    policy.lost_core(now);
    EXPECT_FALSE(policy.wants_to_spin(now + expected - microseconds{1}));
    EXPECT_TRUE(policy.wants_to_spin(now + expected));
    now += expected;
    expected = std::min<duration>(expected * 2, spin_policy::pause_max);
  }
  EXPECT_EQ(expected, duration(spin_policy::pause_max));
  policy.hit();
  policy.lost_core(now);
  EXPECT_TRUE(policy.wants_to_spin(now + spin_policy::pause_min));
}

}  // namespace
}  // namespace pgsteer::relay
