// Failures as operators meet them, from the first sign to the last, as far as topology decides them.
#include "unit/topology/story_test.hpp"

namespace pgsteer::topology::testing {
namespace {

struct step {
  const char* events;
  const char* expected;
};

void tell(std::initializer_list<step> steps) {
  history told;
  told.play("a primary 1; b standby 1; c standby 1");
  ASSERT_EQ(told.summary(), "primary=a rw=a ro=bc close_rw=bc");
  for (const auto& [events, expected] : steps) {
    SCOPED_TRACE(events);
    told.play(events);
    EXPECT_EQ(told.summary(), expected);
  }
}

// kill -9: the probe's connection ends at once, new dials are refused, b is promoted, c follows, a rejoins.
TEST(FaultMatrix, PrimaryKilled) {
  tell({{"wait 20; a connection_lost", "primary=a ro=bc close_rw=bc"},
        {"wait 20; a refused; b standby 1; c standby 1", "primary=a ro=bc close_rw=bc"},
        {"wait 20; b primary 2", "primary=b rw=b close_rw=c close_all=a"},
        {"wait 20; c standby 2", "primary=b rw=b ro=c close_rw=c close_all=a"},
        {"wait 500; a not_accepting", "primary=b rw=b ro=c close_rw=c close_all=a"},
        {"wait 500; a standby 2; c standby 2", "primary=b rw=b ro=c close_rw=ac"},  // it rests
        {"wait 501", "primary=b rw=b ro=ac close_rw=ac"}});
}

// Frozen whole: sessions wait for proof of a successor; thawed, the old primary still believes in itself.
TEST(FaultMatrix, PrimaryFrozenThenThawedAfterAPromotion) {
  tell({{"wait 300; a timed_out", "primary=a ro=bc close_rw=bc"},
        {"wait 5000; a timed_out; b primary 2; c standby 2", "primary=b rw=b ro=c close_rw=c close_all=a"},
        {"wait 1000; a primary 1; b primary 2", "primary=b rw=b ro=c close_rw=c close_all=a"}});
}

TEST(FaultMatrix, OnlyThePostmasterIsStopped) {
  tell({{"wait 500; a primary 1 hung", "primary=a ro=bc close_rw=bc"},
        {"wait 60000; a primary 1 hung; b standby 1; c standby 1", "primary=a ro=bc close_rw=bc"},
        {"wait 500; a primary 1", "primary=a rw=a ro=bc close_rw=bc"}});
}

TEST(FaultMatrix, OldPrimaryReachableAfterAPromotion) {
  tell({{"b primary 2; c standby 2; a primary 1", "primary=b rw=b ro=c close_rw=c close_all=a"},
        {"wait 500; a primary 1; b timed_out", "primary=b ro=c close_rw=c close_all=a"},
        {"wait 500; a standby 2; b primary 2", "primary=b rw=b ro=ac close_rw=ac"}});
}

TEST(FaultMatrix, StandbySignalLost) {
  tell({{"c primary 1", "primary=a rw=a ro=b close_rw=bc AMBIGUOUS"},
        {"wait 500; a primary 1; c primary 1", "primary=a rw=a ro=b close_rw=bc AMBIGUOUS"},
        {"c standby 1", "primary=a rw=a ro=bc close_rw=bc"}});
}

// Switchover: the old primary shuts down (57P03), b is promoted, a comes back as its standby.
TEST(FaultMatrix, PlannedSwitchover) {
  tell({{"a not_accepting", "primary=a ro=bc close_rw=bc"},
        {"a refused; b primary 2", "primary=b rw=b close_rw=c close_all=a"},
        {"a standby 2; c standby 2", "primary=b rw=b ro=c close_rw=ac"},
        {"wait 501", "primary=b rw=b ro=ac close_rw=ac"}});
}

TEST(FaultMatrix, PartitionedFromStandbysOnly) {
  tell({{"b timed_out; c timed_out; a primary 1", "primary=a rw=a close_rw=bc"},
        {"wait 29000; b timed_out; c timed_out; a primary 1", "primary=a rw=a close_rw=bc"},
        {"b standby 1; c standby 1", "primary=a rw=a ro=bc close_rw=bc"}});
}

TEST(FaultMatrix, AllDown) {
  tell({{"a refused; b refused; c refused", "primary=a close_rw=bc"},
        {"wait 30000; a refused; b refused; c refused", "close_all=abc"},
        {"a primary 1", "primary=a rw=a close_all=bc"}});
}

TEST(FaultMatrix, LossyNetworkMovesNobody) {
  tell({{"a timed_out; b standby 1; c timed_out", "primary=a ro=b close_rw=bc"},
        {"wait 500; a primary 1; b timed_out; c standby 1", "primary=a rw=a ro=c close_rw=bc"},
        {"wait 500; a timed_out; b standby 1; c standby 1", "primary=a ro=bc close_rw=bc"},
        {"wait 500; a primary 1", "primary=a rw=a ro=bc close_rw=bc"}});
}

TEST(FaultMatrix, ProbePasswordWrongEverywhere) {
  tell({{"wait 500; a wrong_credentials; b wrong_credentials; c wrong_credentials",
         "primary=a rw=a ro=bc close_rw=bc"},
        {"wait 2501", "primary=a close_rw=bc"},
        {"a primary 1; b standby 1; c standby 1", "primary=a rw=a ro=bc close_rw=bc"}});
}

// A standby that was cut off follows the old primary on the discarded timeline: its data went another way.
TEST(FaultMatrix, StandbyOnADiscardedTimeline) {
  tell({{"b primary 2; a primary 1; c standby 1", "primary=b rw=b close_rw=c close_all=a"},
        {"wait 60000; b primary 2; c standby 1; a refused", "primary=b rw=b close_rw=c close_all=a"},
        {"c standby 2", "primary=b rw=b ro=c close_rw=c close_all=a"}});
}

TEST(FaultMatrix, EverythingLeavesDiscoveryButKeepsItsSessions) {
  tell(
      {{"name d", "primary=a rw=a close_rw=bc"}, {"name abc; forget d", "primary=a rw=a ro=bc close_rw=bc"}});
}

}  // namespace
}  // namespace pgsteer::topology::testing
