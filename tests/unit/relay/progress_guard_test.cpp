#include "relay/progress_guard.hpp"

#include <gtest/gtest.h>

namespace pgsteer::relay {
namespace {

TEST(ProgressGuard, EndsAFlowThatKeepsAskingForTurnsItDoesNotUse) {
  progress_guard guard;
  for (int turn = 1; turn < progress_guard::empty_turns_max; ++turn)
    EXPECT_FALSE(guard.is_exceeded(true, false)) << "turn " << turn;
  EXPECT_TRUE(guard.is_exceeded(true, false));
}

TEST(ProgressGuard, StartsOverAfterProgressOrAWait) {
  for (const bool waits : {true, false}) {
    progress_guard guard;
    for (int turn = 0; turn < 1000; ++turn) {
      const bool is_break = turn % (progress_guard::empty_turns_max - 1) == 0;
      EXPECT_FALSE(guard.is_exceeded(!is_break || !waits, is_break && !waits)) << "turn " << turn;
    }
  }
}

}  // namespace
}  // namespace pgsteer::relay
