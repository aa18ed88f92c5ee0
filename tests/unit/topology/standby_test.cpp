// Who may be read from: proven standbys of this cluster that are not on a discarded timeline.
#include "unit/topology/story_test.hpp"

namespace pgsteer::topology::testing {
namespace {

TEST(Standby, Eligibility) {
  run_stories({
      {"ServesWithoutAPrimary", "b standby 1", "ro=b close_rw=b", 'b', "standby"},
      {"ServesWhileThePrimaryIsSilent",
       "a primary 1; b standby 1; a refused; wait 60000; a refused; b standby 1",
       "ro=b close_rw=b close_all=a"},
      {"OneMissStopsNewSessions", "b standby 1; b timed_out", "close_rw=b", 'b',
       "standby, but no answer in time"},
      {"OneAnswerRestores", "b standby 1; b timed_out; b standby 1", "ro=b close_rw=b"},
      {"TimelineAboveThePrimarysFollowsNobody", "a primary 1; b standby 2", "primary=a rw=a close_rw=b", 'b',
       "standby on timeline 2, above the primary's 1"},
      {"TimelineAboveThatOfALostPrimary", "a primary 1; b standby 2; a refused", "primary=a ro=b close_rw=b"},
      {"PromotedIsNoStandby", "a primary 1; b standby 1; b primary 2; c standby 2",
       "primary=b rw=b ro=c close_rw=c close_all=a"},
      {"DemotedPrimaryIsNoPrimaryAtOnce", "a primary 1; a standby 1", "ro=a close_rw=a"},
  });
}

TEST(Standby, TimelineIsProven) {
  run_stories({
      {"ExactAndLower", "a primary 2; b standby 1 replay 9999", "primary=a rw=a close_rw=b", 'b',
       "standby on timeline 1, below the fence 2"},
      {"LowerBoundAtTheFence", "a primary 2; b standby 2 at-least", "primary=a rw=a ro=b close_rw=b"},
      {"LowerBoundWithProof", "a primary 2 lsn 500; b standby 1 at-least receiver replay 500",
       "primary=a rw=a ro=b close_rw=b"},
      {"LowerBoundWithoutReceiver", "a primary 2 lsn 500; b standby 1 at-least replay 500",
       "primary=a rw=a close_rw=b", 'b', "standby, timeline not proven: no WAL receiver"},
      {"LowerBoundBeforeTheSwitch", "a primary 2 lsn 500; b standby 1 at-least receiver replay 499",
       "primary=a rw=a close_rw=b", 'b',
       "standby, timeline not proven: replay is before the fence's first known position"},
      {"LowerBoundByItsOwnWal", "a primary 2 lsn 500; b standby 1 at-least receiver replay 700 received 500",
       "primary=a rw=a close_rw=b", 'b',
       "standby, timeline not proven: it replayed more than its WAL receiver brought"},
      {"LowerBoundBesideALiveStalePrimary",
       "a primary 1; c primary 2 lsn 500; a primary 1; b standby 1 at-least receiver replay 700",
       "primary=c rw=c close_rw=b close_all=a", 'b',
       "standby, timeline not proven: a primary below the fence is alive"},
      {"LowerBoundOnceTheStalePrimaryIsGone",
       "a primary 1; c primary 2 lsn 500; a refused; b standby 1 at-least receiver replay 700",
       "primary=c rw=c ro=b close_rw=b close_all=a"},
      // The receiver ends with the primary it received from.
      {"OnceProvenIsProvenForThisRun",
       "a primary 2 lsn 500; b standby 1 at-least receiver replay 500; a refused; b standby 1 at-least "
       "replay 500",
       "primary=a ro=b close_rw=b"},
      {"ARestartMayHaveGoneBack",
       "a primary 2 lsn 500; b standby 1 at-least receiver replay 500; b standby 1 at-least replay 500 run 2",
       "primary=a rw=a close_rw=b", 'b', "standby, timeline not proven: no WAL receiver"},
      {"ANewTimelineIsProvenAnew",
       "a primary 2 lsn 500; b standby 1 at-least receiver replay 500; c primary 3 lsn 600; "
       "b standby 1 at-least replay 500",
       "primary=c rw=c close_rw=b close_all=a"},
      {"LaterWalDoesNotMoveTheMark",
       "a primary 2 lsn 500; a primary 2 lsn 900; b standby 1 at-least receiver replay 500",
       "primary=a rw=a ro=b close_rw=b"},
      {"UnknownTimelineIsALowerBound", "a primary 2 lsn 500; b standby 0 receiver replay 500",
       "primary=a rw=a ro=b close_rw=b"},
  });
}

TEST(Standby, LagIsCountedFromThePrimarysLastPosition) {
  history told;
  told.play("b standby 1 replay 400 delay 20");
  EXPECT_EQ(told.of('b').replay_lag_bytes, 0U);
  told.play("a primary 1 lsn 1000");
  EXPECT_EQ(told.of('b').replay_lag_bytes, 600U);
  EXPECT_EQ(told.of('b').replay_delay, milliseconds{20});
  EXPECT_EQ(told.of('b').lsn.value, 400U);
  EXPECT_EQ(told.of('a').lsn.value, 1000U);
  told.play("a refused; wait 30000; b standby 1 replay 900");
  EXPECT_EQ(told.of('b').replay_lag_bytes, 100U);
  told.play("b standby 1 replay 1001");
  EXPECT_EQ(told.of('b').replay_lag_bytes, 0U);
}

}  // namespace
}  // namespace pgsteer::topology::testing
