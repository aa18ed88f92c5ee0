// A backend that waits for its sessions to end: those that are idle end at once, the others when they are.
#include <gtest/gtest.h>

#include "support/eventually.hpp"
#include "support/one_worker.hpp"
#include "support/test_proxy.hpp"

namespace pgsteer::test {
namespace {

using routing::target_session_attrs;
using topology::session_verdict;

topology::backend_status shutting_down() {
  topology::backend_status status = proven_primary();
  status.is_rw_eligible = false;
  status.close_when_idle = true;
  status.reason = {topology::verdict_reason::kind::primary_shutting_down};
  return status;
}

void expect_told(fake_client& client) {
  const auto last = client.read_query_result();
  EXPECT_EQ(last.sqlstate, "57P01");
  EXPECT_EQ(last.message, "terminating connection because the backend is shutting down");
  EXPECT_EQ(last.end, stream_end::closed);
}

TEST(SmartShutdown, WhoeverIsIdleIsToldAndTheOthersWhenTheyAre) {
  fake_postgres backend("primary", primary_role());
  one_worker worker(target_session_attrs::primary);
  worker.publish_backend(backend, proven_primary());
  fake_client idle = worker.connect(app_startup_message());
  fake_client busy = worker.connect(app_startup_message());
  ASSERT_TRUE(idle.read_login().is_logged_in);
  ASSERT_TRUE(busy.read_login().is_logged_in);
  ASSERT_EQ(busy.query("begin").status, 'T');
  worker.publish_backend(backend, shutting_down());
  expect_told(idle);
  worker.publish_backend(backend, shutting_down());  // every decision says so again
  EXPECT_EQ(busy.query("whoami").value(), "primary") << "it is in a transaction";
  EXPECT_EQ(busy.query("commit").status, 'I') << "whose end it hears of";
  expect_told(busy);
  EXPECT_TRUE(eventually(patience, [&] { return backend.counters().open_sessions == 0; }));
}

// It was let in just before, and is told once its login is over.
TEST(SmartShutdown, ALoginThatIsUnderWayIsFinished) {
  fake_postgres backend("primary", primary_role());
  one_worker worker(target_session_attrs::primary);
  worker.publish_backend(backend, proven_primary());
  backend.change([](fake_settings& settings) { settings.stops_in_hot_standby = true; });
  fake_client late = worker.connect(app_startup_message());
  ASSERT_TRUE(eventually(patience, [&] { return backend.counters().session_startups == 1; }));
  worker.publish_backend(backend, shutting_down());
  backend.change([](fake_settings& settings) { settings.stops_in_hot_standby = false; });
  EXPECT_TRUE(late.read_login().is_logged_in);
  expect_told(late);
}

// Its driver has just been told that it may ask, and asks: that is not lost.
TEST(SmartShutdown, ItsFirstQueryIsAnsweredToo) {
  fake_postgres backend("primary", primary_role());
  one_worker worker(target_session_attrs::primary);
  worker.publish_options([](runtime::options& options) { options.first_query_time = beyond_patience; });
  worker.publish_backend(backend, proven_primary());
  fake_client known = worker.connect(app_startup_message());
  ASSERT_TRUE(known.read_login().is_logged_in);
  backend.change([](fake_settings& settings) { settings.stops_in_hot_standby = true; });
  fake_client late = worker.connect(app_startup_message());
  ASSERT_TRUE(eventually(patience, [&] { return backend.counters().session_startups == 2; }));
  worker.publish_backend(backend, shutting_down());
  backend.change([](fake_settings& settings) { settings.stops_in_hot_standby = false; });
  EXPECT_TRUE(late.read_login().is_logged_in);
  EXPECT_EQ(late.query("whoami").value(), "primary");
  EXPECT_EQ(known.query("whoami").value(), "primary");
  topology::backend_status fenced = shutting_down();
  fenced.sessions = session_verdict::close_all;
  worker.publish_backend(backend, fenced);
  EXPECT_EQ(late.read_query_result().sqlstate, "57P01") << "what must end at once does not wait";
  EXPECT_EQ(known.read_query_result().sqlstate, "57P01");
}

// Proof of a successor does not wait for the end of a transaction that is lost anyway, and says so.
TEST(SmartShutdown, WhatMustEndAtOnceDoesNotWait) {
  fake_postgres backend("primary", primary_role());
  one_worker worker(target_session_attrs::primary);
  worker.publish_backend(backend, proven_primary());
  fake_client busy = worker.connect(app_startup_message());
  ASSERT_TRUE(busy.read_login().is_logged_in);
  ASSERT_EQ(busy.query("begin").status, 'T');
  worker.publish_backend(backend, shutting_down());
  ASSERT_EQ(busy.query("whoami").value(), "primary");
  topology::backend_status fenced = shutting_down();
  fenced.sessions = session_verdict::close_all;
  worker.publish_backend(backend, fenced);
  EXPECT_EQ(busy.read_until_end().end, stream_end::reset);
  using login::close_reason;
  const auto closed = [&](close_reason why) {
    return worker.counters().closed[static_cast<std::size_t>(why)].value();
  };
  EXPECT_TRUE(eventually(patience, [&] { return closed(close_reason::fenced) == 1; }));
  EXPECT_EQ(closed(close_reason::backend_shutting_down), 0U);
}

// The whole way: only a fresh login of the probe is refused, and its open connection still answers.
TEST(SmartShutdown, IsSeenByTheProbeAndEndsItsConnectionToo) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  fake_client idle(proxy.rw());
  ASSERT_TRUE(idle.startup().is_logged_in);
  cluster.primary().change([](fake_settings& settings) {
    settings.probe_logins.otherwise = {login_behaviour::error, "57P03",
                                       "the database system is shutting down"};
  });
  expect_told(idle);
  EXPECT_TRUE(proxy.wait_for_closed("rw", "backend_shutting_down", 1));
  EXPECT_EQ(who_answers(proxy.impatient()), "57P03");
  EXPECT_GE(proxy.metric("pgsteer_probes_total", {{"outcome", "shutting_down"}}), 1);
  cluster.standby(1).promote(2);
  EXPECT_TRUE(eventually(patience, [&] { return who_answers(proxy.rw()) == "standby-1"; }));
}

}  // namespace
}  // namespace pgsteer::test
