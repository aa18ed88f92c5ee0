// Rules 3 and 4: the highest timeline is the primary, everything below is fenced, and of two on the same
// timeline the incumbent stays.
#include "unit/topology/story_test.hpp"

namespace pgsteer::topology::testing {
namespace {

TEST(Fence, HighestTimelineIsPrimary) {
  run_stories({
      {"SolePrimary", "a primary 1; b standby 1; c standby 1", "primary=a rw=a ro=bc close_rw=bc", 'a',
       "primary on the highest timeline"},
      {"PromotionMovesRwAtOnce", "a primary 1; b standby 1; b primary 2", "primary=b rw=b close_all=a", 'a',
       "primary on timeline 1, below the fence 2"},
      {"OrderOfAnswersDoesNotMatter", "b primary 2; a primary 1", "primary=b rw=b close_all=a"},
      {"TimelinesAreNumbersNotWords", "a primary 9; b primary 10", "primary=b rw=b close_all=a"},
      {"FencedStaysFencedWhenTheNewPrimaryIsSilent", "a primary 1; b primary 2; b refused; a primary 1",
       "primary=b close_all=a"},
      {"FencedStaysFencedWhenTheNewPrimaryIsDead",
       "a primary 1; b primary 2; b refused; wait 30000; b refused; a primary 1", "close_all=ab", 'a',
       "primary on timeline 1, below the fence 2"},
      {"FencedStaysFencedWhenTheNewPrimaryIsDemoted", "a primary 1; b primary 2; b standby 2; a primary 1",
       "ro=b close_rw=b close_all=a"},
      {"FencedStaysFencedWhenTheNewPrimaryLeft",
       "a primary 1; b primary 2; name ac; b refused; wait 30000; b refused; forget b; a primary 1",
       "close_all=a"},
      {"FencedRejoinsAsStandbyOfTheFence", "a primary 1; b primary 2; a standby 2",
       "primary=b rw=b ro=a close_rw=a", 'a', "standby"},
      {"FencedRejoinsBelowTheFence", "a primary 1; b primary 2; a standby 1", "primary=b rw=b close_rw=a",
       'a', "standby on timeline 1, below the fence 2"},
      {"SwitchoverAndBack", "a primary 1; b primary 2; a standby 2; b standby 2; a primary 3",
       "primary=a rw=a close_rw=b"},
      {"LateProofRaisesTheFenceToo", "a primary 1; wait 100; b standby 2; late 50 b primary 2; a primary 1",
       "ro=b close_rw=b close_all=a"},
      {"NoTimelineProvesNothing", "a primary 0", "", 'a', "role not known, but the role query failed"},
  });
}

TEST(Incumbent, StaysAgainstASecondPrimaryOnItsTimeline) {
  run_stories({
      {"IntruderIsExcluded", "a primary 1; b primary 1", "primary=a rw=a close_rw=b AMBIGUOUS", 'b',
       "second primary on the primary's timeline: excluded"},
      {"MoreWalDoesNotMakeAnIncumbent", "a primary 1 lsn 10; b primary 1 lsn 9999; a primary 1 lsn 11",
       "primary=a rw=a close_rw=b AMBIGUOUS"},
      {"SilenceOfTheIncumbentHelpsNoIntruder", "a primary 1; b primary 1; a timed_out; b primary 1",
       "primary=a close_rw=b AMBIGUOUS"},
      {"DemotedIncumbentIsSucceeded", "a primary 1; b primary 1; a standby 1",
       "primary=b rw=b ro=a close_rw=a"},
      {"HigherTimelineEndsTheDispute", "a primary 1; b primary 1; b primary 2", "primary=b rw=b close_all=a"},
      {"FormerIncumbentComesBackAsTheIntruder",
       "a primary 1; a refused; wait 30000; b primary 1; a primary 1; b primary 1",
       "primary=b rw=b close_rw=a AMBIGUOUS"},
  });
}

// Without an incumbent nobody can say which of the two is right, so nobody is, and it is an alarm.
TEST(Incumbent, WithoutOneNobodyIsPrimary) {
  run_stories({
      {"TwoAreLeftWhenTheIncumbentDies", "a primary 1; b primary 1; c primary 1; a refused; wait 30000",
       "close_all=a AMBIGUOUS", 'b', "second primary on the lost primary's timeline: excluded"},
      {"SilenceOfOneHelpsNotTheOther",
       "a primary 1; b primary 1; c primary 1; a refused; wait 30000; b timed_out; c primary 1",
       "close_all=a AMBIGUOUS"},
      {"DemotionOfOneDoesNotDecide",
       "a primary 1; b primary 1; c primary 1; a refused; wait 30000; b standby 1",
       "ro=b close_rw=b close_all=a AMBIGUOUS"},
      {"DemotionOfTheOldOneLeavesTwo", "a primary 1; b primary 1; c primary 1; a standby 1",
       "ro=a close_rw=a AMBIGUOUS"},
      {"ReturnOfTheOldOneDecidesNothing",
       "a primary 1; b primary 1; c primary 1; a refused; wait 30000; a primary 1", "AMBIGUOUS"},
  });
}

// A pod that restarts under a new address: same data, same timeline, and its old address is gone.
TEST(Incumbent, MovesToTheAddressThatTookOver) {
  run_stories({
      {"OldAddressGoneAndSilent", "a primary 1 lsn 10; name bc; a timed_out; b primary 1 lsn 10",
       "primary=b rw=b close_rw=a"},
      {"OldAddressStillNamed", "a primary 1 lsn 10; a timed_out; b primary 1 lsn 10",
       "primary=a close_rw=b AMBIGUOUS"},
      {"OldAddressStillAnswers", "a primary 1 lsn 10; name bc; b primary 1 lsn 10",
       "primary=a rw=a close_rw=b AMBIGUOUS"},
      {"AnOlderCopyIsNotTheSame", "a primary 1 lsn 10; name bc; a timed_out; b primary 1 lsn 9",
       "primary=a close_rw=b AMBIGUOUS"},
      {"TheFirstToTakeOverIsTheIncumbent", "a primary 1; name bc; a timed_out; b primary 1; c primary 1",
       "primary=b rw=b close_rw=ac AMBIGUOUS"},
      {"OldAddressForgotten",
       "a primary 1 lsn 10; name bc; a refused; wait 30000; forget a; b primary 1 lsn 9", "primary=b rw=b"},
  });
}

// pgsteer starts while a discarded primary still runs, and that one answers first.
TEST(Election, WaitsForTheFirstProbeOfEveryBackend) {
  struct row {
    const char* name;
    const char* events;
    const char* expected;
  };
  for (const row& r : std::initializer_list<row>{
           {"NobodyElseWasAsked", "name abc; a primary 1", ""},
           {"OneWasNotAsked", "name abc; a primary 1; b standby 1", "ro=b close_rw=b"},
           {"EveryAnswerCounts", "name abc; a primary 1; b standby 1; c refused",
            "primary=a rw=a ro=b close_rw=b"},
           {"TheLaterOneWasRight", "name abc; a primary 1; b standby 1; c primary 2",
            "primary=c rw=c close_rw=b close_all=a"},
           {"TheIncumbentWaitsForNobody", "name ab; a primary 1; b standby 1; name abc; a primary 1",
            "primary=a rw=a ro=b close_rw=b"},
           {"WhoLeftIsNotWaitedFor", "name abc; a primary 1; name a; a primary 1", "primary=a rw=a"},
       }) {
    SCOPED_TRACE(r.name);
    history told({.system = {our_system}}, time_point{} + seconds{1000}, r.events);
    EXPECT_EQ(told.summary(), r.expected);
  }
}

// A cloned volume, or standby.signal lost: both write the same timeline, and what one has the other lacks.
TEST(KnownRival, IsNotElectedBySilence) {
  run_stories({
      {"WhenTheOtherIsDead", "a primary 1; b primary 1; a refused; wait 60000; a refused; b primary 1",
       "close_all=a AMBIGUOUS", 'b', "second primary on the lost primary's timeline: excluded"},
      {"WhenTheOtherLeftAndIsGone", "a primary 1; b primary 1; name bc; a refused; b primary 1",
       "primary=a close_rw=b AMBIGUOUS"},
      {"WhenTheOtherCameBackAsItsStandby", "a primary 1; b primary 1; a refused; a standby 1; b primary 1",
       "primary=b rw=b ro=a close_rw=a"},
      {"WhoeverClaimedWhileTheOtherWasSilentHasMoved", "a primary 1; name bc; a refused; b primary 1",
       "primary=b rw=b close_rw=a"},
  });
}

TEST(KnownRival, IsLetInByTheOperator) {
  history told;
  told.play("a primary 1; b primary 1; a refused; wait 60000; a refused; b primary 1");
  told.decider().replace_mark(told.decider().mark());
  told.play("b primary 1; a refused; c refused");
  EXPECT_EQ(told.summary(), "primary=b rw=b close_all=a");
}

}  // namespace
}  // namespace pgsteer::topology::testing
