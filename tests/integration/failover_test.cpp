// What becomes of sessions and logins when the primary changes, vanishes or lies.
#include <gtest/gtest.h>

#include "support/fake_client.hpp"
#include "support/test_proxy.hpp"

namespace pgsteer::test {
namespace {

using std::chrono::steady_clock;

fake_client logged_in(const endpoint& target) {
  fake_client client(target);
  EXPECT_TRUE(client.startup().is_logged_in);
  return client;
}

// The first message that comes without having been asked for, and the end of the stream behind it.
void expect_57p01_and_end(fake_client& client) {
  const auto told = client.read_query_result();
  EXPECT_EQ(told.severity, "FATAL");
  EXPECT_EQ(told.sqlstate, "57P01");
  EXPECT_EQ(told.end, stream_end::closed);
}

// keycloak#24493 and many more: pooled connections stay on the demoted primary and fail with 25006 for hours.
// An idle one must be told at once, with the SQLSTATE on which pools throw a connection away.
TEST(Failover, TellsIdleSessionsOfADemotedPrimary) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  fake_client idle = logged_in(proxy.rw());
  fake_client used = logged_in(proxy.rw());
  EXPECT_EQ(used.query("whoami").value(), "primary");
  cluster.standby(1).promote(2);
  cluster.primary().demote(2);
  expect_57p01_and_end(idle);
  expect_57p01_and_end(used);
  EXPECT_TRUE(eventually(patience, [&] { return who_answers(proxy.rw()) == "standby-1"; }));
  EXPECT_TRUE(eventually(
      patience, [&] { return proxy.closed("rw", "lost_role") + proxy.closed("rw", "fenced") == 2; }));
  EXPECT_TRUE(eventually(patience, [&] { return cluster.primary().counters().open_sessions == 0; }));
  EXPECT_TRUE(proxy.accounts_balance());
  for (const char* phase : {"detect", "prove", "login", "total"})
    EXPECT_TRUE(proxy.wait_for_metric("pgsteer_failover_phase_seconds_count", {{"phase", phase}}, 1))
        << phase;
}

// In the middle of something no message of ours would be understood: a reset says that it is over.
TEST(Failover, ResetsBusySessionsOfADemotedPrimary) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  fake_client in_transaction = logged_in(proxy.rw());
  EXPECT_EQ(in_transaction.query("begin").status, 'T');
  fake_client in_query = logged_in(proxy.rw());
  in_query.send(wire::query("hang"));
  ASSERT_TRUE(eventually(patience, [&] { return cluster.primary().counters().hanging_queries == 1; }));
  cluster.standby(1).promote(2);
  cluster.primary().demote(2);
  for (fake_client* client : {&in_transaction, &in_query}) {
    const auto rest = client->read_until_end();
    EXPECT_EQ(rest.end, stream_end::reset);
    EXPECT_EQ(rest.bytes, "");
  }
  // The hanging one does not look at its socket, as PostgreSQL in a query does not.
  EXPECT_TRUE(eventually(patience, [&] { return cluster.primary().counters().open_sessions == 1; }));
  EXPECT_TRUE(proxy.wait_for_metric("pgsteer_backend_sessions", {}, 0));
}

// bitnami/charts#5589: the old primary comes back, or never went, and takes writes that are lost later. The
// higher timeline is the proof; the lower one is fenced for good.
TEST(Failover, FencesAPrimaryOnALowerTimeline) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  fake_client old = logged_in(proxy.rw());
  cluster.standby(1).promote(2);
  expect_57p01_and_end(old);
  ASSERT_TRUE(proxy.wait_for_primary(cluster.standby(1).address()));
  const auto before = cluster.primary().counters().session_connections;
  for (int i = 0; i < 20; ++i) EXPECT_EQ(who_answers(proxy.rw()), "standby-1");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(who_answers(proxy.ro()), "standby-1");
  // Even when the new primary is gone, the fenced one is no substitute.
  cluster.standby(1).crash();
  ASSERT_TRUE(proxy.wait_for_backends(0, 0));
  EXPECT_EQ(who_answers(proxy.impatient()), "57P03");
  EXPECT_EQ(cluster.primary().counters().session_connections, before);
  EXPECT_EQ(proxy.metric("pgsteer_fence_timeline"), 2);
}

// A psql on a standby keeps working when that standby becomes the primary: PostgreSQL keeps it, so do we.
TEST(Failover, KeepsRoSessionsOnAPromotedStandby) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  fake_client reader = logged_in(proxy.ro());
  cluster.primary().crash();
  cluster.standby(1).promote(2);
  ASSERT_TRUE(proxy.wait_for_primary(cluster.standby(1).address()));
  EXPECT_TRUE(stays_true(milliseconds{200}, [&] { return reader.query("whoami").value() == "standby-1"; }));
  EXPECT_EQ(proxy.metric("pgsteer_sessions", ro_label), 1);
}

// The main job: kill -9 of the primary, promotion of the standby. Logins in between wait and then succeed.
TEST(Failover, HoldsLoginsBetweenCrashAndPromotion) {
  fake_cluster cluster(2);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 2));
  fake_client before = logged_in(proxy.rw());
  cluster.primary().crash();
  EXPECT_NE(before.read_until_end().end, stream_end::timed_out);
  std::vector<fake_client> waiting;
  for (int i = 0; i < 10; ++i) {
    waiting.emplace_back(proxy.rw());
    waiting.back().send(app_startup_message());
  }
  ASSERT_TRUE(proxy.wait_for_metric("pgsteer_logins_held", rw_label, 10));
  EXPECT_EQ(who_answers(proxy.ro()).substr(0, 7), "standby");
  cluster.standby(2).promote(2);
  cluster.standby(1).change([](fake_settings& settings) { settings.role.timeline = 2; });
  for (fake_client& client : waiting) {
    ASSERT_TRUE(client.read_login().is_logged_in);
    EXPECT_EQ(client.query("whoami").value(), "standby-2");
  }
  EXPECT_EQ(cluster.primary().counters().session_connections, 1U);
  EXPECT_EQ(proxy.metric("pgsteer_logins_hold_expired_total"), 0);
  // Once a probe has seen that it follows to the new timeline; until then the primary serves readers too.
  EXPECT_TRUE(eventually(patience, [&] { return who_answers(proxy.ro()) == "standby-1"; }));
}

// An IP address is reused and another cluster's primary answers on it: never, whatever its timeline.
TEST(Failover, NeverRoutesToAForeignCluster) {
  fake_cluster cluster(1);
  role_state foreign = primary_role(9);
  foreign.system_identifier = 4'711;
  fake_postgres stranger("stranger", foreign);
  auto backends = cluster.endpoints();
  backends.push_back(stranger.address());
  test_proxy proxy(backends, [&](config::config& options) {
    options.topology.system.value = primary_role().system_identifier;
    options.runtime.listeners.at(1).policy.route = routing::target_session_attrs::any;
  });
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  ASSERT_TRUE(eventually(patience, [&] { return stranger.counters().role_queries > 2; }));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(who_answers(proxy.rw()), "primary");
  for (int i = 0; i < 10; ++i) EXPECT_NE(who_answers(proxy.ro()), "stranger");
  EXPECT_EQ(stranger.counters().session_connections, 0U);
  EXPECT_LT(proxy.metric("pgsteer_fence_timeline"), 9);
}

// The backend behind an address is replaced by one of another cluster while sessions run on it.
TEST(Failover, ClosesSessionsOfABackendThatTurnedForeign) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  fake_client reader = logged_in(proxy.ro());
  cluster.standby(1).change([](fake_settings& settings) { settings.role.system_identifier = 4'711; });
  expect_57p01_and_end(reader);
  EXPECT_TRUE(proxy.wait_for_backends(1, 0));
  EXPECT_TRUE(proxy.wait_for_closed("ro", "fenced", 1));
}

// A clone was started without standby.signal: two primaries on one timeline. The incumbent stays.
TEST(Failover, KeepsTheIncumbentOfTwoPrimariesOnOneTimeline) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  fake_client session = logged_in(proxy.rw());
  cluster.standby(1).promote(1);
  ASSERT_TRUE(proxy.wait_for_backends(1, 0));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(who_answers(proxy.rw()), "primary");
  EXPECT_EQ(session.query("whoami").value(), "primary");
  EXPECT_EQ(cluster.standby(1).counters().session_connections, 0U);
}

void set_stops_before_probe_login(fake_postgres& backend, bool stops) {
  backend.change([stops](fake_settings& settings) { settings.stops_before_probe_login = stops; });
}

// pgsteer restarts after a failover that left the old primary running, and the old one answers first. Being
// first proves nothing: until every backend has had its say, logins wait.
TEST(Failover, PrefersTheHigherTimelineEvenIfItAnswersLater) {
  fake_postgres discarded("discarded", primary_role(1));
  fake_postgres current("current", primary_role(2));
  set_stops_before_probe_login(current, true);
  test_proxy proxy({discarded.address(), current.address()});
  ASSERT_TRUE(eventually(patience, [&] { return discarded.counters().role_queries >= 2; }));
  fake_client early(proxy.rw());
  early.send(app_startup_message());
  ASSERT_TRUE(proxy.wait_for_metric("pgsteer_logins_held", rw_label, 1));
  set_stops_before_probe_login(current, false);
  ASSERT_TRUE(early.read_login().is_logged_in);
  EXPECT_EQ(early.query("whoami").value(), "current");
  for (int i = 0; i < 20; ++i) ASSERT_EQ(who_answers(proxy.rw()), "current");
  EXPECT_EQ(discarded.counters().session_connections, 0U);
}

// Two primaries on one timeline found at start: nobody can say who is right, so nobody is primary, and it is
// an alarm. Were the first to answer taken, two pgsteer beside each other could choose differently.
TEST(Failover, ChoosesNobodyOfTwoPrimariesWithoutIncumbent) {
  fake_postgres one("one", primary_role());
  fake_postgres two("two", primary_role());
  set_stops_before_probe_login(two, true);
  test_proxy proxy({one.address(), two.address()});
  ASSERT_TRUE(eventually(patience, [&] { return one.counters().role_queries >= 2; }));
  set_stops_before_probe_login(two, false);
  ASSERT_TRUE(proxy.wait_for_metric("pgsteer_primary_ambiguous", {}, 1));
  EXPECT_EQ(who_answers(proxy.impatient()), "57P03");
  EXPECT_EQ(one.counters().session_connections + two.counters().session_connections, 0U);
  two.demote(1);
  EXPECT_TRUE(eventually(patience, [&] { return who_answers(proxy.rw()) == "one"; }));
  EXPECT_EQ(proxy.metric("pgsteer_primary_ambiguous"), 0);
}

// The primary stands still for a while (a snapshot, a live migration): misses are no proof, sessions live on.
TEST(Failover, KeepsSessionsOfASilentPrimary) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints(), hurry_probes);
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  fake_client session = logged_in(proxy.rw());
  cluster.primary().freeze();
  ASSERT_TRUE(proxy.wait_for_backends(0, 1));
  EXPECT_EQ(session.read_until_end(milliseconds{300}).end, stream_end::timed_out);
  cluster.primary().thaw();
  EXPECT_EQ(session.query("whoami").value(), "primary");
  EXPECT_TRUE(proxy.wait_for_backends(1, 1));
}

// Silent for longer than dead_after: now the sessions go, so that clients stop waiting for nothing.
TEST(Failover, ClosesSessionsOfADeadPrimary) {
  // More than ten times the silence that a busy machine makes: the session must not be closed before.
  constexpr seconds dead_after{2};
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints(), [&](config::config& options) {
    hurry_probes(options);
    options.topology.role_ttl = seconds{1};
    options.topology.dead_after = dead_after;
  });
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  fake_client session = logged_in(proxy.rw());
  const auto asked = [&] { return cluster.primary().counters().role_queries; };
  // The second query from here on was asked, and so the silence began, after this moment.
  const auto heard = steady_clock::now();
  ASSERT_TRUE(eventually(patience, [&, before = asked()] { return asked() >= before + 2; }));
  cluster.primary().freeze();
  expect_57p01_and_end(session);
  EXPECT_GE(steady_clock::now() - heard, dead_after);
  EXPECT_TRUE(proxy.wait_for_closed("rw", "fenced", 1));
  cluster.primary().thaw();
  EXPECT_TRUE(eventually(patience, [&] { return who_answers(proxy.rw()) == "primary"; }));
}

// Switchover and back, five times: each login reaches the primary of the moment, and every step is counted.
TEST(Failover, FollowsRepeatedSwitchovers) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  const double changes = proxy.metric("pgsteer_primary_changes_total");
  for (std::uint32_t timeline = 2; timeline <= 6; ++timeline) {
    SCOPED_TRACE(timeline);
    fake_postgres& next = timeline % 2 == 0 ? cluster.standby(1) : cluster.primary();
    fake_postgres& last = timeline % 2 == 0 ? cluster.primary() : cluster.standby(1);
    fake_client session = logged_in(proxy.rw());
    last.demote(timeline);
    next.promote(timeline);
    expect_57p01_and_end(session);
    ASSERT_TRUE(proxy.wait_for_primary(next.address()));
    EXPECT_EQ(who_answers(proxy.rw()), next.name());
    ASSERT_TRUE(proxy.wait_for_backends(1, 1));
    EXPECT_EQ(who_answers(proxy.ro()), last.name());
  }
  EXPECT_EQ(proxy.metric("pgsteer_fence_timeline"), 6);
  EXPECT_GE(proxy.metric("pgsteer_primary_changes_total"), changes + 5);
  EXPECT_TRUE(proxy.accounts_balance());
}

}  // namespace
}  // namespace pgsteer::test
