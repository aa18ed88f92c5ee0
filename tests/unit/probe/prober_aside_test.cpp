// What a probe does beside the role query: it watches a standby, and tries fresh logins that a shutdown
// refuses.
#include "unit/probe/prober_test.hpp"

namespace pgsteer::probe {
namespace {

class ProberAside : public prober_test {};

// A smart shutdown waits until the last session has ended, and a probe must not be the one it waits for.
TEST_F(ProberAside, LetsGoOfABackendThatShutsDown) {
  options_.login_interval = milliseconds{50};
  fake_backend backend(context_, {.logs_in = true});
  ASSERT_EQ(first_outcome(backend.address()), probe_outcome::answered);
  backend.behave({.first_answer = error_response("FATAL", "57P03")});
  ASSERT_TRUE(run_until_outcome(probe_outcome::shutting_down));
  EXPECT_TRUE(results_.back().answer.has_value()) << "it answers still";
  EXPECT_EQ(results_.back().message, "57P03: as told");
  ASSERT_TRUE(run_until_outcome(probe_outcome::not_accepting));
  EXPECT_EQ(backend.logged_in(), 0);
  backend.behave({.logs_in = true});
  EXPECT_TRUE(run_until_outcome(probe_outcome::answered));
}

// Only an open connection that still answers tells a shutdown that
// waits from a crash.
TEST_F(ProberAside, TakesARefusalByACrashForNoShutdown) {
  options_.login_interval = milliseconds{50};
  fake_backend backend(context_, {.logs_in = true});
  ASSERT_EQ(first_outcome(backend.address()), probe_outcome::answered);
  const int accepted = backend.accepted();
  backend.behave({.first_answer = error_response("FATAL", "57P03")});
  ASSERT_TRUE(run_until([&] { return backend.accepted() > accepted; }));
  backend.end_all();
  ASSERT_TRUE(run_until_outcome(probe_outcome::not_accepting));
  for (const probe_result& result : results_) EXPECT_NE(result.outcome, probe_outcome::shutting_down);
}

// The probe's own connection was cut at that very moment. Sessions that outlive the refusals for long tell as
// much.
TEST_F(ProberAside, TakesALongRefusalOfABackendWithSessionsForAShutdown) {
  fake_backend backend(context_, {.first_answer = error_response("FATAL", "57P03")});
  ASSERT_EQ(first_outcome(backend.address()), probe_outcome::not_accepting);
  const time_point begun = clock::now();
  ASSERT_TRUE(run_until([&] { return clock::now() >= begun + seconds{1}; }));
  ASSERT_TRUE(run_until_result());
  for (const probe_result& result : results_)
    EXPECT_EQ(result.outcome, probe_outcome::not_accepting) << "it starts, and has no session";
  sessions_ = 1;
  ASSERT_TRUE(run_until_outcome(probe_outcome::shutting_down));
}

// Other reasons for which it lets nobody in are no shutdown.
TEST_F(ProberAside, TakesOnly57P03ForAShutdown) {
  options_.login_interval = milliseconds{50};
  fake_backend backend(context_, {.logs_in = true});
  ASSERT_EQ(first_outcome(backend.address()), probe_outcome::answered);
  backend.behave({.first_answer = error_response("FATAL", "57P01")});
  ASSERT_TRUE(run_until_outcome(probe_outcome::not_accepting));
  for (const probe_result& result : results_) EXPECT_NE(result.outcome, probe_outcome::shutting_down);
}

TEST_F(ProberAside, AsksAStandbyForItsRoleAloneAndPreparedOnce) {
  options_.interval = test::beyond_patience;
  options_.watch_interval = milliseconds{5};
  fake_backend backend(context_, {.logs_in = true});
  ASSERT_EQ(first_outcome(backend.address()), probe_outcome::answered);
  ASSERT_TRUE(run_until([&] { return backend.watched() >= 5; }));
  EXPECT_EQ(backend.queries(), 1) << "what it says is no news";
  EXPECT_EQ(backend.logins(), 1);
}

TEST_F(ProberAside, AsksAtOnceWhoAStandbyIsThatWasPromoted) {
  options_.interval = test::beyond_patience;
  options_.watch_interval = milliseconds{5};
  fake_backend backend(context_, {.logs_in = true});
  ASSERT_EQ(first_outcome(backend.address()), probe_outcome::answered);
  ASSERT_TRUE(run_until([&] { return backend.watched() >= 1; }));
  backend.behave({.logs_in = true, .is_promoted = true});
  ASSERT_TRUE(run_until_result());
  EXPECT_EQ(results_.back().outcome, probe_outcome::answered);
}

// A pooler between us loses what was prepared.
TEST_F(ProberAside, AsksNoMoreWhereWatchingIsRefused) {
  options_.watch_interval = milliseconds{5};
  fake_backend backend(context_, {.logs_in = true, .watch_error = error_response("ERROR", "26000")});
  ASSERT_EQ(first_outcome(backend.address()), probe_outcome::answered);
  ASSERT_TRUE(run_until([&] { return backend.queries() >= 3; }));
  backend.behave({.logs_in = true});
  ASSERT_TRUE(run_until([&] { return backend.queries() >= 6; }));
  EXPECT_EQ(backend.watched(), 0);
  EXPECT_EQ(backend.logins(), 1);
  for (const probe_result& result : results_) EXPECT_EQ(result.outcome, probe_outcome::answered);
}

TEST_F(ProberAside, ReportsTheLastWordsOfAConnectionThatEndsWhileItIsWatched) {
  options_.interval = test::beyond_patience;
  options_.watch_interval = milliseconds{5};
  fake_backend backend(context_, {.logs_in = true});
  ASSERT_EQ(first_outcome(backend.address()), probe_outcome::answered);
  ASSERT_TRUE(run_until([&] { return backend.watched() >= 1; }));
  backend.behave({.logs_in = true, .ignores_watching = true});
  ASSERT_TRUE(run_until([&] { return backend.asked_in_vain() > 0; }));
  backend.say_to_all(error_response("FATAL", "57P01"));
  backend.end_all();
  ASSERT_TRUE(run_until_outcome(probe_outcome::connection_lost));
  EXPECT_EQ(results_.back().message, "57P01: as told");
}

// The answer to a watch question stays out: the role query behind it runs into its own time-out.
TEST_F(ProberAside, GivesUpABackendThatStopsAnsweringWhileItIsWatched) {
  options_.interval = test::beyond_patience;
  options_.watch_interval = milliseconds{5};
  give_up_after(milliseconds{100});
  fake_backend backend(context_, {.logs_in = true});
  ASSERT_EQ(first_outcome(backend.address()), probe_outcome::answered);
  ASSERT_TRUE(run_until([&] { return backend.watched() >= 1; }));
  backend.behave({.logs_in = true, .ignores_queries = true});
  ASSERT_TRUE(run_until_outcome(probe_outcome::timed_out));
}

// An error is an answer too, and the probe's connection is one that the shutdown waits for.
TEST_F(ProberAside, SeesAShutdownAlsoWhereTheRoleQueryFails) {
  options_.login_interval = milliseconds{50};
  fake_backend backend(context_, {.logs_in = true});
  ASSERT_EQ(first_outcome(backend.address()), probe_outcome::answered);
  backend.behave(
      {.first_answer = error_response("FATAL", "57P03"), .query_error = error_response("ERROR", "42501")});
  ASSERT_TRUE(run_until_outcome(probe_outcome::shutting_down));
  EXPECT_FALSE(results_.back().answer.has_value());
  EXPECT_TRUE(run_until([&] { return backend.logged_in() == 0; }));
}

// A standby, whose shutdown nobody waits for, is tried by a login seldom; a primary often.
TEST_F(ProberAside, TriesAPrimaryByLoginsMoreOften) {
  options_.interval = options_.login_interval = test::beyond_patience;
  options_.primary_login_interval = milliseconds{20};
  fake_backend backend(context_, {.logs_in = true, .is_primary = true});
  ASSERT_EQ(first_outcome(backend.address()), probe_outcome::answered);
  EXPECT_TRUE(run_until([&] { return backend.logins() >= 4; }));
  // Nor do they wait for the next role query where they end with the wish for a password.
  const std::string password_please("\0\0\0\3", 4);
  backend.behave({.first_answer = wire_message('R', password_please), .is_primary = true});
  const int accepted = backend.accepted();
  const int queries = backend.queries();
  EXPECT_TRUE(run_until([&] { return backend.accepted() >= accepted + 4; }));
  EXPECT_LE(backend.queries(), queries + 1);
}

}  // namespace
}  // namespace pgsteer::probe
