// Bounds on what clients may take, each with the words PostgreSQL uses, and the places that come back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_client.hpp"
#include "support/test_proxy.hpp"

namespace pgsteer::test {
namespace {

void expect_too_many(const login_outcome& login) {
  EXPECT_FALSE(login.has_seen_ready);
  EXPECT_EQ(login.severity, "FATAL");
  EXPECT_EQ(login.sqlstate, "53300");
  EXPECT_THAT(login.message, testing::HasSubstr("sorry, too many"));
  EXPECT_EQ(login.end, stream_end::closed);
}

// A pool misconfigured to 10,000 connections: the one too many is told so, the others work on.
TEST(Limits, RefusesBeyondSessionsMax) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints(),
                   [](config::config& options) { options.runtime.limits.sessions_max = 3; });
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  std::vector<fake_client> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back(i < 2 ? proxy.rw() : proxy.ro());
    ASSERT_TRUE(clients.back().startup().is_logged_in);
  }
  const auto dialed = cluster.session_connections();
  for (const endpoint& target : {proxy.rw(), proxy.ro()}) expect_too_many(fake_client(target).startup());
  EXPECT_EQ(cluster.session_connections(), dialed);
  EXPECT_EQ(proxy.metric("pgsteer_sessions_rejected_total"), 2);
  EXPECT_TRUE(eventually(patience, [&] {
    return proxy.closed("rw", "too_many_sessions") + proxy.closed("ro", "too_many_sessions") == 2;
  }));
  for (fake_client& client : clients) EXPECT_NE(client.query("whoami").value(), "");
  clients.pop_back();
  EXPECT_TRUE(eventually(patience, [&] { return who_answers(proxy.rw()) == "primary"; }));
  EXPECT_TRUE(proxy.accounts_balance());
}

// psql asks for TLS first: it must get as far as reading the refusal.
TEST(Limits, RefusesAClientThatAsksForTlsFirst) {
  fake_cluster cluster(0);
  test_proxy proxy(cluster.endpoints(),
                   [](config::config& options) { options.runtime.limits.sessions_max = 1; });
  ASSERT_TRUE(proxy.wait_for_backends(1, 0));
  fake_client first(proxy.rw());
  ASSERT_TRUE(first.startup().is_logged_in);
  fake_client second(proxy.rw());
  second.send(wire::ssl_request());
  ASSERT_EQ(second.read_exactly(1).bytes, "N");
  expect_too_many(second.startup());
  EXPECT_EQ(cluster.session_connections(), 1U);
}

// Idle sockets that never log in take the places of others; logged-in sessions do not count.
TEST(Limits, RefusesBeyondPendingLoginsMax) {
  fake_cluster cluster(0);
  test_proxy proxy(cluster.endpoints(),
                   [](config::config& options) { options.runtime.limits.pending_logins_max = 2; });
  ASSERT_TRUE(proxy.wait_for_backends(1, 0));
  std::vector<fake_client> sessions;
  for (int i = 0; i < 4; ++i) {
    sessions.emplace_back(proxy.rw());
    ASSERT_TRUE(sessions.back().startup().is_logged_in);
  }
  fake_client idle_one(proxy.rw());
  fake_client idle_two(proxy.rw());
  ASSERT_TRUE(proxy.wait_for_metric("pgsteer_sessions", {}, 6));
  expect_too_many(fake_client(proxy.rw()).startup());
  EXPECT_EQ(proxy.metric("pgsteer_sessions_rejected_total"), 1);
  idle_one.close();
  EXPECT_TRUE(eventually(patience, [&] { return who_answers(proxy.rw()) == "primary"; }));
  EXPECT_TRUE(proxy.accounts_balance());
}

// And they must not keep others out for longer than startup_timeout.
TEST(Limits, FreesThePlacesOfPendingLoginsAtStartupTimeout) {
  fake_cluster cluster(0);
  test_proxy proxy(cluster.endpoints(), [](config::config& options) {
    options.runtime.limits.pending_logins_max = 2;
    options.runtime.login.startup_timeout = milliseconds{500};
  });
  ASSERT_TRUE(proxy.wait_for_backends(1, 0));
  fake_client idle_one(proxy.rw());
  fake_client idle_two(proxy.rw());
  EXPECT_NE(idle_one.read_until_end().end, stream_end::timed_out);
  EXPECT_NE(idle_two.read_until_end().end, stream_end::timed_out);
  EXPECT_TRUE(proxy.wait_for_closed("rw", "startup_timeout", 2));
  EXPECT_TRUE(eventually(patience, [&] { return who_answers(proxy.rw()) == "primary"; }));
  EXPECT_TRUE(proxy.accounts_balance());
}

// Dials are forks on the backend: however many logins come at once, to however many workers, few dials are
// under way, and all succeed.
TEST(Limits, DialsFewAtATime) {
  fake_cluster cluster(0);
  cluster.primary().change([](fake_settings& settings) { settings.stops_before_session_login = true; });
  test_proxy proxy(cluster.endpoints(), [](config::config& options) {
    options.workers = 4;
    options.runtime.limits.concurrent_dials_max = 2;
  });
  ASSERT_TRUE(proxy.wait_for_backends(1, 0));
  std::vector<fake_client> clients;
  for (int i = 0; i < 50; ++i) {
    clients.emplace_back(proxy.rw());
    clients.back().send(app_startup_message());
  }
  ASSERT_TRUE(eventually(patience, [&] { return cluster.primary().counters().logins_under_way == 2; }));
  cluster.primary().change([](fake_settings& settings) { settings.stops_before_session_login = false; });
  for (fake_client& client : clients) EXPECT_TRUE(client.read_login().is_logged_in);
  EXPECT_EQ(cluster.primary().counters().session_logins, 50U);
  EXPECT_EQ(cluster.primary().counters().logins_under_way_max, 2U);
}

}  // namespace
}  // namespace pgsteer::test
