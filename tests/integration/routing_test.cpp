// Which backend a login reaches, with everything healthy or with a known part of the cluster missing.
#include <gtest/gtest.h>

#include "support/fake_client.hpp"
#include "support/test_proxy.hpp"

namespace pgsteer::test {
namespace {

using routing::target_session_attrs;

// 5432 is always the primary, 5433 always a standby: the promise of the whole product.
TEST(Routing, SendsRwToThePrimaryAndRoToAStandby) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  EXPECT_EQ(who_answers(proxy.rw()), "primary");
  EXPECT_EQ(who_answers(proxy.ro()), "standby-1");
  EXPECT_EQ(cluster.primary().counters().session_logins, 1U);
  EXPECT_EQ(cluster.standby(1).counters().session_logins, 1U);
  EXPECT_TRUE(proxy.accounts_balance());
}

// An application opens 200 short connections; with two standbys each must carry exactly half.
TEST(Routing, SplitsRoExactlyInHalfOverTwoStandbys) {
  fake_cluster cluster(2);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 2));
  for (int i = 0; i < 200; ++i) {
    fake_client client(proxy.ro());
    ASSERT_TRUE(client.startup().is_logged_in);
  }
  EXPECT_EQ(cluster.primary().counters().session_logins, 0U);
  EXPECT_EQ(cluster.standby(1).counters().session_logins, 100U);
  EXPECT_EQ(cluster.standby(2).counters().session_logins, 100U);
  EXPECT_TRUE(proxy.accounts_balance());
}

// Fifty pooled connections that stay open: counting logins is not enough, live sessions must be even.
TEST(Routing, SpreadsLongSessionsByLeastSessions) {
  fake_cluster cluster(2);
  test_proxy proxy(cluster.endpoints(), [](config::config& options) {
    options.runtime.listeners.at(1).policy.balance = routing::balance::least_sessions;
  });
  ASSERT_TRUE(proxy.wait_for_backends(1, 2));
  std::vector<fake_client> clients;
  for (int i = 0; i < 50; ++i) {
    clients.emplace_back(proxy.ro());
    ASSERT_TRUE(clients.back().startup().is_logged_in);
  }
  EXPECT_LE(cluster.standby(1).counters().open_sessions, 26U);
  EXPECT_LE(cluster.standby(2).counters().open_sessions, 26U);
  EXPECT_EQ(cluster.open_sessions(), 50U);
  EXPECT_EQ(proxy.metric("pgsteer_backend_sessions"), 50);
}

// After a skewed start (ten sessions of standby 1 survive, standby 2 was empty) new sessions go to the empty
// one.
TEST(Routing, FillsTheEmptierStandbyFirst) {
  fake_cluster cluster(2);
  test_proxy proxy(cluster.endpoints(), [](config::config& options) {
    options.runtime.listeners.at(1).policy.balance = routing::balance::least_sessions;
  });
  ASSERT_TRUE(proxy.wait_for_backends(1, 2));
  std::vector<fake_client> clients;
  for (int i = 0; i < 20; ++i) {
    clients.emplace_back(proxy.ro());
    ASSERT_TRUE(clients.back().startup().is_logged_in);
  }
  const auto probe_logins = cluster.standby(2).counters().probe_logins;
  cluster.standby(2).kill_all_connections(true);
  ASSERT_TRUE(proxy.wait_for_metric("pgsteer_backend_sessions", {}, 10));
  // The probe's own connection is gone too; only when it is back the standby is as eligible as it seems.
  ASSERT_TRUE(
      eventually(patience, [&] { return cluster.standby(2).counters().probe_logins > probe_logins; }));
  ASSERT_TRUE(proxy.wait_for_backends(1, 2));
  const auto before = cluster.standby(2).counters().session_logins;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back(proxy.ro());
    ASSERT_TRUE(clients.back().startup().is_logged_in);
  }
  EXPECT_EQ(cluster.standby(2).counters().session_logins, before + 8);
}

// The only standby is down for maintenance: read traffic falls back to the primary and returns by itself.
TEST(Routing, PreferStandbyFallsBackToThePrimary) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  cluster.standby(1).crash();
  ASSERT_TRUE(proxy.wait_for_backends(1, 0));
  EXPECT_EQ(who_answers(proxy.ro()), "primary");
  cluster.standby(1).listen_again();
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  EXPECT_EQ(who_answers(proxy.ro()), "standby-1");
  EXPECT_EQ(who_answers(proxy.rw()), "primary");
}

// "any" asks for no role: both backends take sessions.
TEST(Routing, AnyUsesEveryBackend) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints(), [](config::config& options) {
    options.runtime.listeners.at(1).policy.route = target_session_attrs::any;
  });
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  for (int i = 0; i < 10; ++i) EXPECT_NE(who_answers(proxy.ro()), "");
  EXPECT_EQ(cluster.primary().counters().session_logins, 5U);
  EXPECT_EQ(cluster.standby(1).counters().session_logins, 5U);
}

// The probe's password is wrong, so no role is known; but a PostgreSQL server answered, and "any" needs no
// more.
TEST(Routing, AnyNeedsNoRole) {
  fake_postgres backend("lonely", primary_role());
  backend.change([](fake_settings& settings) {
    settings.probe_logins.otherwise = {login_behaviour::error, "28P01", "password authentication failed"};
  });
  test_proxy proxy({backend.address()}, [](config::config& options) {
    options.runtime.listeners.at(1).policy.route = target_session_attrs::any;
  });
  EXPECT_TRUE(eventually(patience, [&] { return who_answers(proxy.ro()) == "lonely"; }));
  EXPECT_TRUE(proxy.wait_for_backends(0, 0));
}

// "standby" is strict where "prefer-standby" is not: no standby, no session.
TEST(Routing, StandbyNeverFallsBack) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints(), [](config::config& options) {
    options.runtime.listeners.at(1).policy.route = options.runtime.listeners.at(2).policy.route =
        target_session_attrs::standby;
  });
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  EXPECT_EQ(who_answers(proxy.ro()), "standby-1");
  cluster.standby(1).crash();
  ASSERT_TRUE(proxy.wait_for_backends(1, 0));
  EXPECT_EQ(who_answers(proxy.impatient()), "57P03");
  EXPECT_EQ(cluster.primary().counters().session_connections, 0U);
}

// A standby with 64 MiB to replay would answer with old rows; max_replay_lag keeps new readers away from it.
TEST(Routing, KeepsNewSessionsOffALaggingStandby) {
  fake_cluster cluster(2);
  cluster.primary().change([](fake_settings& settings) { settings.role.write_lsn = 0x10'000'000; });
  cluster.standby(1).change(
      [](fake_settings& settings) { settings.role.receive_lsn = settings.role.replay_lsn = 0x10'000'000; });
  cluster.standby(2).change([](fake_settings& settings) {
    settings.role.receive_lsn = settings.role.replay_lsn = 0x10'000'000 - (64U << 20U);
  });
  test_proxy proxy(cluster.endpoints(), [](config::config& options) {
    options.runtime.listeners.at(1).policy.replay_lag_bytes_max = 16U << 20U;
  });
  ASSERT_TRUE(proxy.wait_for_backends(1, 2));
  for (int i = 0; i < 6; ++i) EXPECT_EQ(who_answers(proxy.ro()), "standby-1");
  cluster.standby(2).change(
      [](fake_settings& settings) { settings.role.receive_lsn = settings.role.replay_lsn = 0x10'000'000; });
  EXPECT_TRUE(eventually(patience, [&] { return who_answers(proxy.ro()) == "standby-2"; }));
}

}  // namespace
}  // namespace pgsteer::test
