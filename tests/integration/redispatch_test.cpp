// A login that fails at one backend before authentication goes to another, or to the same one later, and the
// client never knows.
#include <gtest/gtest.h>

#include "support/fake_client.hpp"
#include "support/test_proxy.hpp"

namespace pgsteer::test {
namespace {

using std::chrono::steady_clock;

// A standby that restarts says 57P03, a full one 53300; the other standby is fine.
TEST(Redispatch, RetriesOnAnotherStandby) {
  for (const std::string sqlstate : {"57P03", "53300"}) {
    SCOPED_TRACE(sqlstate);
    fake_cluster cluster(2);
    test_proxy proxy(cluster.endpoints());
    ASSERT_TRUE(proxy.wait_for_backends(1, 2));
    cluster.standby(1).set_session_logins({login_behaviour::error, sqlstate, "not now"});
    for (int i = 0; i < 10; ++i) EXPECT_EQ(who_answers(proxy.ro()), "standby-2");
    EXPECT_GE(cluster.standby(1).counters().session_startups, 1U);
    EXPECT_EQ(cluster.standby(2).counters().session_logins, 10U);
    EXPECT_EQ(proxy.metric("pgsteer_login_retries_total", ro_label),
              static_cast<double>(cluster.standby(1).counters().session_startups));
    EXPECT_TRUE(proxy.accounts_balance());
  }
}

// There is one primary only: the login waits and tries it again.
TEST(Redispatch, RetriesTheSamePrimaryLater) {
  for (const std::string sqlstate : {"57P03", "53300"}) {
    SCOPED_TRACE(sqlstate);
    fake_cluster cluster(1);
    test_proxy proxy(cluster.endpoints());
    ASSERT_TRUE(proxy.wait_for_backends(1, 1));
    cluster.primary().fail_logins(2, sqlstate);
    EXPECT_EQ(who_answers(proxy.rw()), "primary");
    EXPECT_GE(cluster.primary().counters().session_startups, 3U);  // a slow host may have cut one short
    EXPECT_EQ(cluster.primary().counters().session_logins, 1U);
    EXPECT_EQ(cluster.standby(1).counters().session_connections, 0U);
    EXPECT_GE(proxy.metric("pgsteer_login_retries_total", rw_label), 2);
  }
}

// Full for good: the client learns it when hold_timeout is over, and the backend was not hammered meanwhile.
TEST(Redispatch, GivesUpAtHoldTimeoutWithoutHammering) {
  constexpr seconds hold_timeout{1};
  fake_cluster cluster(0);
  test_proxy proxy(cluster.endpoints(), [&](config::config& options) {
    options.runtime.listeners.at(0).hold_timeout = hold_timeout;
  });
  ASSERT_TRUE(proxy.wait_for_backends(1, 0));
  cluster.primary().set_session_logins({login_behaviour::error, "53300", "sorry, too many clients already"});
  const auto started = steady_clock::now();
  const auto login = fake_client(proxy.rw()).startup();
  EXPECT_GE(steady_clock::now() - started, hold_timeout);
  EXPECT_TRUE(proxy.wait_for_closed("rw", "hold_timeout", 1));
  EXPECT_FALSE(login.has_seen_ready);
  EXPECT_EQ(login.severity, "FATAL");
  EXPECT_TRUE(login.sqlstate == "53300" || login.sqlstate == "57P03") << login.sqlstate;
  EXPECT_LE(cluster.primary().counters().session_startups, 50U);
  EXPECT_TRUE(proxy.accounts_balance());
}

// A wrong password is the client's affair: it sees PostgreSQL's own words, and nobody else is asked.
TEST(Redispatch, PassesOtherErrorsOnVerbatim) {
  for (const std::string sqlstate : {"28P01", "28000", "3D000", "42501"}) {
    SCOPED_TRACE(sqlstate);
    fake_cluster cluster(2);
    test_proxy proxy(cluster.endpoints());
    ASSERT_TRUE(proxy.wait_for_backends(1, 2));
    cluster.standby(1).set_session_logins({login_behaviour::error, sqlstate, "its own words"});
    cluster.standby(2).set_session_logins({login_behaviour::error, sqlstate, "its own words"});
    fake_client client(proxy.ro());
    client.send(app_startup_message());
    EXPECT_EQ(client.read_until_end().bytes, wire::error_response({"FATAL", sqlstate, "its own words"}));
    client.close();
    EXPECT_EQ(cluster.session_connections(), 1U);
    EXPECT_EQ(proxy.metric("pgsteer_login_retries_total", ro_label), 0);
    EXPECT_TRUE(proxy.wait_for_closed("ro", "login_failed", 1));
  }
}

// The client hangs up as soon as it has read that: which end comes first must not decide what is counted.
TEST(Redispatch, CountsARefusedLoginWhoeverHangsUpFirst) {
  fake_cluster cluster(0);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 0));
  cluster.primary().set_session_logins({login_behaviour::error, "28P01", "wrong password"});
  for (int i = 0; i < 20; ++i) {
    fake_client client(proxy.rw());
    client.send(app_startup_message());
    ASSERT_TRUE(client.read_message());
    i % 2 == 0 ? client.close() : client.reset();
  }
  EXPECT_TRUE(proxy.wait_for_closed("rw", "login_failed", 20));
}

// The postmaster is gone but an old backend process still answers the probe: dials are refused.
TEST(Redispatch, TriesTheNextAfterARefusedDial) {
  fake_cluster cluster(2);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 2));
  cluster.standby(1).stop_listening();
  for (int i = 0; i < 6; ++i) EXPECT_EQ(who_answers(proxy.ro()), "standby-2");
  EXPECT_GE(proxy.metric("pgsteer_backend_dial_failures_total",
                         {{"backend", to_string(cluster.standby(1).address())}}),
            1);
  EXPECT_EQ(proxy.metric("pgsteer_backend_dial_failures_total",
                         {{"backend", to_string(cluster.standby(2).address())}}),
            0);
}

// Accepts and then leaves without a word.
TEST(Redispatch, TriesTheNextAfterABackendThatLeaves) {
  for (const auto behaviour : {login_behaviour::close, login_behaviour::reset}) {
    SCOPED_TRACE(static_cast<int>(behaviour));
    fake_cluster cluster(2);
    test_proxy proxy(cluster.endpoints());
    ASSERT_TRUE(proxy.wait_for_backends(1, 2));
    cluster.standby(1).set_session_logins({behaviour, "", ""});
    for (int i = 0; i < 4; ++i) EXPECT_EQ(who_answers(proxy.ro()), "standby-2");
    EXPECT_GE(cluster.standby(1).counters().session_startups, 1U);
    EXPECT_GE(proxy.metric("pgsteer_login_retries_total", ro_label), 1);
    EXPECT_TRUE(eventually(patience, [&] { return cluster.open_sessions() == 0; }));
    EXPECT_TRUE(proxy.accounts_balance());
  }
}

// For backends that say nothing. No reader falls back to the primary while a standby is slow itself.
void notice_silence(config::config& options) {
  hurry_probes(options);
  options.runtime.login.connect_timeout = milliseconds{300};
  options.runtime.listeners.at(1).policy.route = routing::target_session_attrs::standby;
}

// patroni#1371: the postmaster hangs, so that logins hang, while the processes it forked before answer as
// ever, the probe's too. The login must move on once that is proven, not at login_timeout, which would end it
// and is beyond patience.
TEST(Redispatch, TriesTheNextAfterAHungPostmaster) {
  fake_cluster cluster(2);
  test_proxy proxy(cluster.endpoints(), notice_silence);
  ASSERT_TRUE(proxy.wait_for_backends(1, 2));
  cluster.standby(1).change([](fake_settings& settings) {
    settings.session_logins.otherwise = settings.probe_logins.otherwise = {login_behaviour::silent, "", ""};
  });
  // As many as there are standbys: one of them starts at the hung one.
  for (int i = 0; i < 2; ++i) EXPECT_EQ(who_answers(proxy.ro()), "standby-2");
  EXPECT_GE(cluster.standby(1).counters().session_startups, 1U);
  EXPECT_TRUE(eventually(patience, [&] { return cluster.open_sessions() == 0; }));
  EXPECT_TRUE(proxy.accounts_balance());
}

// The whole host stands still: its kernel still completes the handshake.
TEST(Redispatch, TriesTheNextAfterAFrozenBackend) {
  fake_cluster cluster(2);
  test_proxy proxy(cluster.endpoints(), notice_silence);
  ASSERT_TRUE(proxy.wait_for_backends(1, 2));
  cluster.standby(1).freeze();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(who_answers(proxy.ro()), "standby-2");
  cluster.standby(1).thaw();
}

// A login, or a request for encryption, hangs at a backend that looks healthy to everybody else. Invariant
// I5: every client gets bytes or a close in bounded time, here login_timeout and, for the request, which is
// tried again, hold_timeout.
TEST(Redispatch, EndsALoginThatHangsAtAHealthyBackend) {
  fake_cluster cluster(0);
  test_proxy proxy(cluster.endpoints(), [](config::config& options) {
    options.runtime.login.login_timeout = seconds{1};
    options.runtime.login.connect_timeout = milliseconds{300};
    options.runtime.listeners.at(0).hold_timeout = milliseconds{500};
  });
  ASSERT_TRUE(proxy.wait_for_backends(1, 0));
  cluster.primary().change([](fake_settings& settings) {
    settings.session_logins.otherwise = {login_behaviour::silent, "", ""};
    settings.tls = encryption_answer::silence;
  });
  fake_client plain(proxy.rw());
  fake_client encrypted(proxy.rw());
  plain.send(app_startup_message());
  encrypted.send(wire::ssl_request());
  for (fake_client* client : {&plain, &encrypted}) {
    EXPECT_NE(client->read_until_end().end, stream_end::timed_out);
  }
  EXPECT_TRUE(proxy.wait_for_closed("rw", "login_timeout", 1));
  EXPECT_TRUE(proxy.wait_for_closed("rw", "hold_timeout", 1));
  EXPECT_TRUE(eventually(patience, [&] { return cluster.open_sessions() == 0; }));
  EXPECT_TRUE(proxy.wait_for_metric("pgsteer_sessions", {}, 0));
}

// Only this login is slow, so nobody takes its backend away, and its client, which had sent its first query
// already, gives up.
TEST(Redispatch, FreesThePlaceOfAClientThatResetsASlowLogin) {
  fake_cluster cluster(0);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 0));
  cluster.primary().set_session_logins({login_behaviour::silent, "", ""});
  for (const std::size_t behind : {10U, 30'000U}) {
    for (const bool is_ended_first : {false, true}) {
      SCOPED_TRACE(testing::Message() << behind << " bytes, ended first " << is_ended_first);
      fake_client client(proxy.rw());
      client.send(app_startup_message() + wire::query(std::string(behind, ' ')));
      ASSERT_TRUE(eventually(patience, [&] { return cluster.open_sessions() == 1; }));
      std::this_thread::sleep_for(milliseconds{100});  // it is watched once it is slow
      if (is_ended_first) client.half_close();
      client.reset();
      EXPECT_TRUE(eventually(patience, [&] { return cluster.open_sessions() == 0; }));
    }
  }
  EXPECT_TRUE(proxy.wait_for_closed("rw", "client_left_early", 4));
}

}  // namespace
}  // namespace pgsteer::test
