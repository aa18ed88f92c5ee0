// Rules 5 and 6: misses only stop new dials; local trouble and our own pauses are nobody's failure.
#include "unit/topology/story_test.hpp"

namespace pgsteer::topology::testing {
namespace {

TEST(Silence, OneMissStopsNewLoginsAndKeepsSessions) {
  for (const char* outcome : {"refused", "unreachable", "timed_out", "connection_lost", "not_postgresql",
                              "not_accepting", "login_hung", "tls_failed"}) {
    SCOPED_TRACE(outcome);
    history told;
    told.play("a primary 1; b standby 1; a " + std::string(outcome));
    EXPECT_EQ(told.summary(), "primary=a ro=b close_rw=b");
    EXPECT_EQ(told.of('a').role, role::primary);
    EXPECT_FALSE(told.of('a').is_answering);
    EXPECT_FALSE(told.snapshot().rw_valid_until);
    told.play("wait 10; a primary 1");
    EXPECT_EQ(told.summary(), "primary=a rw=a ro=b close_rw=b");
  }
}

TEST(Silence, EndsInDeathOnlyWhereNothingLives) {
  for (const probe_outcome outcome : history::all_outcomes) {
    if (outcome == probe_outcome::answered) continue;
    const std::string word(to_string(outcome));
    SCOPED_TRACE(word);
    history told;
    told.play("a primary 1; a " + word + "; wait 29999; a " + word);
    EXPECT_EQ(told.of('a').sessions, session_verdict::keep);
    const std::string alive =
        outcome == probe_outcome::shutting_down ? "primary=a close_idle=a" : "primary=a";
    EXPECT_EQ(told.summary(), alive);
    told.play("wait 1; a " + word);
    const bool dies = outcome == probe_outcome::refused || outcome == probe_outcome::unreachable ||
                      outcome == probe_outcome::timed_out || outcome == probe_outcome::connection_lost ||
                      outcome == probe_outcome::not_postgresql;
    EXPECT_EQ(told.summary(), dies ? "close_all=a" : alive);
    EXPECT_EQ(told.of('a').role, dies ? role::unknown : role::primary);
  }
}

TEST(Silence, DeadAfter) {
  run_stories({
      {"ASuccessorIsProvenSooner", "a primary 1; b standby 1; a timed_out; wait 300; b primary 2",
       "primary=b rw=b close_all=a"},
      {"AnyAnswerStopsTheCount",
       "a primary 1; a refused; wait 29000; a not_accepting; a refused; wait 29000; a refused", "primary=a"},
      {"ComesBackAsPrimary", "a primary 1; a refused; wait 30000; a primary 1", "primary=a rw=a"},
      {"ComesBackWithoutARole", "a primary 1; a refused; wait 30000; a wrong_credentials", "", 'a',
       "role not known since it was silent, but the probe's credentials are refused"},
      {"OneMissAfterASignOfLifeIsNoDeath",
       "a primary 1; a refused; wait 30000; a wrong_credentials; a refused", ""},
      {"ALateAnswerDoesNotRaiseTheDead",
       "a primary 1; wait 100; a refused; wait 30000; late 30050 a primary 1", "close_all=a", 'a',
       "silent for longer than dead_after, but connection refused"},
      {"ALateSignOfLifeShortensTheSilence",
       "a primary 1; a refused; wait 10000; a refused; late 5000 a not_accepting; wait 24999; a refused",
       "primary=a"},
      {"ButDoesNotEndIt",
       "a primary 1; a refused; wait 10000; a refused; late 5000 a not_accepting; wait 25000; a refused",
       "close_all=a"},
      {"StandbysDieToo", "b standby 1; b timed_out; wait 30000; b timed_out", "close_all=b", 'b',
       "silent for longer than dead_after, but no answer in time"},
      {"LocalTroubleDoesNotCount",
       "a primary 1; a timed_out; wait 15000; a local_trouble; wait 15000; a timed_out", "primary=a"},
      {"LocalTroubleDoesNotRaiseTheDead",
       "a primary 1; a timed_out; wait 30000; a timed_out; a local_trouble", "close_all=a"},
      {"TimeAloneIsEnough", "a primary 1; a timed_out; wait 60000", "close_all=a"},
  });
}

// Alive but unable to tell its role: what is known counts until role_ttl, and it never dies.
TEST(RefusingBackend, KeepsItsLastKnownRoleUntilRoleTtl) {
  for (const char* outcome : {"wrong_credentials", "missing_database", "too_many_clients", "query_failed"}) {
    SCOPED_TRACE(outcome);
    const std::string word = std::string(" ") + outcome;
    history told;
    told.play("a primary 1; b standby 1; wait 3000; a" + word + "; b" + word);
    EXPECT_EQ(told.summary(), "primary=a rw=a ro=b close_rw=b");
    told.play("wait 1");
    EXPECT_EQ(told.summary(), "primary=a close_rw=b");
    EXPECT_TRUE(told.of('a').is_answering);
    told.play("wait 60000; a" + word + "; b" + word);
    EXPECT_EQ(told.summary(), "primary=a close_rw=b");
    told.play("a primary 1; b standby 1");
    EXPECT_EQ(told.summary(), "primary=a rw=a ro=b close_rw=b");
  }
}

TEST(RefusingBackend, ThatNeverToldItsRoleServesAnyOnly) {
  history told;
  told.play("a too_many_clients");
  EXPECT_EQ(told.summary(), "");
  EXPECT_TRUE(told.of('a').is_answering);
  EXPECT_EQ(to_string(told.of('a').reason), "role not known, but all its connection slots are taken");
}

// A hung postmaster: what the open connection says is proof, but no new session gets through.
TEST(HungLogin, AnswerCountsAsProof) {
  run_stories({
      {"PrimaryKeepsItsSessions", "a primary 1; wait 60000; a primary 1 hung", "primary=a", 'a',
       "primary, but a fresh login hangs"},
      {"SuccessorFencesThoughHung", "a primary 1; b primary 2 hung", "primary=b close_all=a"},
      {"DemotionIsBelieved", "a primary 1; a standby 1 hung", "close_rw=a"},
  });
}

TEST(LocalTrouble, ChangesNothingButTheAge) {
  run_stories({
      {"NothingAtOnce", "a primary 1; b standby 1; a local_trouble; b local_trouble",
       "primary=a rw=a ro=b close_rw=b", 'a', "primary on the highest timeline"},
      {"RwLapsesWithItsKnowledge", "a primary 1; b standby 1; wait 3001; a local_trouble; b local_trouble",
       "primary=a ro=b close_rw=b", 'a', "primary by knowledge too old to use"},
      {"TheLastMissStands", "a primary 1; a timed_out; a local_trouble", "primary=a"},
      {"FirstOfAll", "a local_trouble", "", 'a',
       "not probed yet, but local trouble kept the probe from asking"},
  });
}

// Another PostgreSQL, or the same one in another role, may sit there now; its refusal says nothing of that.
TEST(RefusingBackend, IsNotTakenAtItsLastWordOnceItWasGone) {
  for (const char* gone : {"refused", "timed_out", "unreachable", "not_accepting"}) {
    SCOPED_TRACE(gone);
    history told;
    told.play(std::string("a primary 1; b standby 1; a ") + gone + "; b " + gone);
    told.play("a too_many_clients; b wrong_credentials");
    EXPECT_EQ(told.summary(), "primary=a close_rw=b");
    EXPECT_EQ(to_string(told.of('a').reason),
              "primary before it was gone, but all its connection slots are taken");
    told.play("a primary 1; b standby 1; a too_many_clients; b wrong_credentials");
    EXPECT_EQ(told.summary(), "primary=a rw=a ro=b close_rw=b");
  }
}

TEST(Pause, AsksAgainBeforeTheFirstRwDecision) {
  run_stories({
      {"NobodyIsTakenForGranted", "a primary 1; b standby 1; wait 100; pause", "primary=a ro=b close_rw=b",
       'a', "primary, but not probed since the process stood still"},
      {"QuestionsFromBeforeDoNotCount", "a primary 1; wait 100; pause; late 1 a primary 1", "primary=a"},
      {"OneAnswerIsNotEnough", "a primary 1; wait 100; pause; wait 1; a primary 1; b timed_out", "primary=a",
       'a', "primary, but not every backend was probed since the process stood still"},
      {"AnAnswerOfEverybodyIs", "a primary 1; wait 100; pause; wait 1; a primary 1; b timed_out; c standby 1",
       "primary=a rw=a ro=c close_rw=c"},
      {"WhoLeftIsNotWaitedFor", "a primary 1; wait 100; pause; a primary 1; b timed_out; name ab",
       "primary=a rw=a"},
      {"WhoIsNewIsNotWaitedFor",
       "a primary 1; wait 100; pause; a primary 1; b timed_out; c timed_out; name abcd", "primary=a rw=a"},
      {"TheSuccessorIsFound", "a primary 1; wait 9000; pause; b primary 2; a primary 1; c local_trouble",
       "primary=b rw=b close_all=a"},
      {"TheOldPrimaryAnswersFirst",
       "a primary 1; b standby 1; wait 9000; pause; a primary 1; b primary 2; c refused",
       "primary=b rw=b close_all=a"},
      {"AProbeThatSleptWithUsIsNoSilence", "a primary 1; wait 60000; pause; late 59000 a timed_out",
       "primary=a"},
      {"TheTimeNotWatchedIsNoSilence",
       "a primary 1; a timed_out; wait 10000; pause; a timed_out; wait 29999; a timed_out", "primary=a"},
  });
}

TEST(LateResult, OverwritesNothingNewer) {
  run_stories({
      {"OldPrimaryAnswerAfterDemotion", "a primary 1; wait 100; a standby 1; late 50 a primary 1",
       "ro=a close_rw=a"},
      {"OldMissAfterAnAnswer", "wait 100; a primary 1; late 50 a timed_out", "primary=a rw=a"},
      {"OldAnswerAfterAMiss", "a primary 1; wait 100; a timed_out; late 50 a primary 1", "primary=a"},
      {"OldDemotionAfterAMissIsBelieved", "a primary 1; wait 100; a timed_out; late 50 a standby 1",
       "close_rw=a"},
      {"OldForeignAnswer", "wait 100; a primary 1; late 50 a primary 1 system 9", "primary=a rw=a"},
      {"OldLocalTrouble",
       "a primary 1; wait 100; a timed_out; late 50 a local_trouble; wait 30000; a timed_out", "close_all=a"},
      {"SameResultTwice", "a primary 1; a primary 1", "primary=a rw=a"},
  });
}

}  // namespace
}  // namespace pgsteer::topology::testing
