// Rule 2: one cluster, one system identifier.
#include "unit/topology/story_test.hpp"

namespace pgsteer::topology::testing {
namespace {

const char* const foreign_reason = "system identifier 9 differs from the cluster's 7";

TEST(Identity, ConfiguredIdentifierQuarantinesForeigners) {
  run_stories({
      {"ForeignPrimaryIsNeverUsed", "a primary 5 system 9", "close_all=a", 'a', foreign_reason},
      {"ForeignStandbyIsNeverUsed", "a primary 1; b standby 1 system 9", "primary=a rw=a close_all=b", 'b',
       foreign_reason},
      {"ForeignTimelineRaisesNoFence", "a primary 1; b primary 9 system 9; b timed_out; a primary 1",
       "primary=a rw=a close_all=b"},
      {"AddressGivenToAnotherClusterLosesTheRole", "a primary 1; a primary 1 system 9", "close_all=a", 'a',
       foreign_reason},
      {"StaysForeignWhileSilent", "a primary 1 system 9; a refused", "close_all=a", 'a', foreign_reason},
      {"OwnAgainIsUsedAgain", "a primary 1 system 9; a primary 1", "primary=a rw=a"},
      {"NoIdentifierProvesNothing", "a primary 1 system 0", "", 'a',
       "role not known, but the role query failed"},
  });
}

TEST(Identity, AutoIsPinnedByTheFirstPrimary) {
  run_stories(
      {
          {"FirstPrimaryPins", "a primary 1; b primary 8 system 9", "primary=a rw=a close_all=b", 'b',
           foreign_reason},
          {"ForeignStandbyFirstLocksNobodyOut", "b standby 1 system 9; a primary 1",
           "primary=a rw=a close_all=b", 'b', foreign_reason},
          {"AgreeingStandbysServeBeforeAnyPrimary", "b standby 1; c standby 1", "ro=bc close_rw=bc"},
          {"DisagreeingStandbysServeNobody", "b standby 1; c standby 1 system 9", "", 'c',
           "system identifiers disagree, and no primary decides"},
          {"TwoStandbysOutvoteAForeignPrimary", "b standby 1; c standby 1; a primary 1 system 9",
           "ro=bc close_rw=bc close_all=a", 'a', foreign_reason},
          {"AnOutvotedPrimaryRaisesNoFence", "b standby 1; c standby 1; a primary 8 system 9; c primary 2",
           "primary=c rw=c close_rw=b close_all=a"},
          {"ThePinHoldsWhenForeignersAreMore",
           "a primary 1; a timed_out; b standby 1 system 9; c standby 1 system 9", "primary=a close_all=bc"},
      },
      {});
}

TEST(Identity, SnapshotNamesThePinnedSystem) {
  history told(topology_options{});
  EXPECT_EQ(told.snapshot().system.value, 0U);
  told.play("a primary 1");
  EXPECT_EQ(told.snapshot().system.value, our_system);
}

// A foreign backend in the list is the quickest to answer. Once pinned its identifier would lock the cluster
// out.
TEST(Identity, IsNotPinnedBeforeEveryBackendWasProbed) {
  history told({}, time_point{} + seconds{1000}, "name abc; a primary 1 system 8");
  EXPECT_EQ(told.summary(), "");
  told.play("b primary 1");
  EXPECT_EQ(told.summary(), "");
  told.play("c standby 1");
  EXPECT_EQ(told.summary(), "primary=b rw=b ro=c close_rw=c close_all=a");
  told.play("c refused; wait 1000; a primary 1 system 8; b primary 1");
  EXPECT_EQ(told.snapshot().system.value, our_system) << "once pinned it stays";
}

}  // namespace
}  // namespace pgsteer::topology::testing
