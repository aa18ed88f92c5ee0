// Logins that find no usable backend wait, in order and within bounds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_client.hpp"
#include "support/test_proxy.hpp"

namespace pgsteer::test {
namespace {

using std::chrono::steady_clock;

bool wait_for_held(const test_proxy& proxy, double n) {
  return proxy.wait_for_metric("pgsteer_logins_held", rw_label, n);
}

// A failover takes a second; the application that connects in the middle of it should wait, not fail.
TEST(Hold, ReleasesALoginWhenAPrimaryAppears) {
  fake_postgres backend("late", standby_role());
  test_proxy proxy({backend.address()});
  ASSERT_TRUE(proxy.wait_for_backends(0, 1));
  fake_client client(proxy.rw());
  client.send(app_startup_message());
  ASSERT_TRUE(wait_for_held(proxy, 1));
  EXPECT_EQ(backend.counters().session_connections, 0U);
  EXPECT_EQ(client.read_login(milliseconds{50}).end, stream_end::timed_out);
  backend.promote(2);
  EXPECT_TRUE(client.read_login().is_logged_in);
  EXPECT_EQ(client.query("whoami").value(), "late");
  EXPECT_TRUE(wait_for_held(proxy, 0));
  EXPECT_EQ(proxy.metric("pgsteer_logins_held_total", rw_label), 1);
  EXPECT_EQ(proxy.metric("pgsteer_logins_hold_expired_total", rw_label), 0);
}

// Whoever came first is served first. One worker and one dial at a time make the order visible.
TEST(Hold, ReleasesInOrderOfArrival) {
  fake_postgres backend("late", standby_role());
  test_proxy proxy({backend.address()}, [](config::config& options) {
    options.workers = 1;
    options.runtime.limits.concurrent_dials_max = 1;
  });
  ASSERT_TRUE(proxy.wait_for_backends(0, 1));
  std::vector<fake_client> clients;
  std::vector<std::string> users;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back(proxy.rw());
    users.push_back("user-" + std::to_string(i));
    clients.back().send(app_startup_message(users.back()));
    ASSERT_TRUE(wait_for_held(proxy, i + 1));
  }
  backend.promote(2);
  for (fake_client& client : clients) EXPECT_TRUE(client.read_login().is_logged_in);
  EXPECT_EQ(backend.counters().session_users, users);
}

// With nothing promoted the client gets a retryable error that says what it waited for, and how long.
TEST(Hold, AnswersWithAnErrorThatNamesTheWait) {
  constexpr seconds hold_timeout{1};
  fake_postgres backend("standby", standby_role());
  test_proxy proxy({backend.address()}, [&](config::config& options) {
    options.runtime.listeners.at(0).hold_timeout = hold_timeout;
  });
  ASSERT_TRUE(proxy.wait_for_backends(0, 1));
  fake_client client(proxy.rw());
  const auto started = steady_clock::now();
  const auto login = client.startup();
  const auto waited = steady_clock::now() - started;
  EXPECT_EQ(login.severity, "FATAL");
  EXPECT_EQ(login.sqlstate, "57P03");
  EXPECT_THAT(login.message, testing::ContainsRegex("1(\\.0+)? ?s|1000 ?ms"));
  EXPECT_FALSE(login.has_seen_ready);
  EXPECT_EQ(login.end, stream_end::closed);
  EXPECT_GE(waited, hold_timeout);
  EXPECT_EQ(backend.counters().session_connections, 0U);
  EXPECT_TRUE(proxy.wait_for_metric("pgsteer_logins_hold_expired_total", rw_label, 1));
  EXPECT_TRUE(proxy.wait_for_closed("rw", "hold_timeout", 1));
  EXPECT_TRUE(wait_for_held(proxy, 0));
}

// Drivers that pipeline, and attackers: something was sent behind the startup packet, and then the client
// leaves.
TEST(Hold, FreesThePlaceOfAClientThatLeftUnreadBytes) {
  fake_postgres backend("standby", standby_role());
  test_proxy proxy({backend.address()});
  ASSERT_TRUE(proxy.wait_for_backends(0, 1));
  std::array<fake_client, 4> clients{fake_client(proxy.rw()), fake_client(proxy.rw()),
                                     fake_client(proxy.rw()), fake_client(proxy.rw())};
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const std::string query = wire::query("select 1");
    clients[i].send(i < 2 ? app_startup_message() + query : app_startup_message());
    ASSERT_TRUE(wait_for_held(proxy, static_cast<double>(i) + 1));
    if (i >= 2) clients[i].send(query);
    clients[i].send(query);
  }
  for (std::size_t i = 0; i < clients.size(); ++i) {
    i % 2 == 0 ? clients[i].close() : clients[i].reset();
    EXPECT_TRUE(wait_for_held(proxy, static_cast<double>(clients.size() - i) - 1)) << i;
  }
  EXPECT_TRUE(proxy.wait_for_closed("rw", "client_left_early", 4));
}

// Bytes that stay unread, and among them TCP urgent data, which no count of unread bytes includes: nothing of
// it may keep a worker busy.
TEST(Hold, RestsWhateverAHeldClientSends) {
  fake_postgres backend("standby", standby_role());
  test_proxy proxy({backend.address()}, [](config::config& options) {
    options.runtime.listeners.at(0).hold_timeout = beyond_patience;
    options.workers = 1;
  });
  ASSERT_TRUE(proxy.wait_for_backends(0, 1));
  std::vector<fake_client> clients;
  for (const std::string& bytes : {std::string("q"), std::string(1'000, 'q'), std::string(30'000, 'q')}) {
    for (const bool is_urgent : {false, true}) {
      fake_client& client = clients.emplace_back(proxy.rw());
      client.send(app_startup_message());
      ASSERT_TRUE(wait_for_held(proxy, static_cast<double>(clients.size())));
      if (is_urgent) client.send_urgent('u');
      client.send(bytes);
    }
  }
  // It looks at each client ten times a second; a worker that goes round takes ten thousands of turns.
  std::this_thread::sleep_for(milliseconds{200});
  const time_point since = clock::now();
  const double before = proxy.metric("pgsteer_relay_turns_total");
  std::this_thread::sleep_for(milliseconds{500});
  const double turns = proxy.metric("pgsteer_relay_turns_total") - before;
  EXPECT_LT(turns, 600 * std::chrono::duration<double>(clock::now() - since).count());
  for (fake_client& client : clients) client.reset();
  EXPECT_TRUE(wait_for_held(proxy, 0));
}

TEST(Hold, FreesThePlaceOfAClientThatLeftALargeQueryBehind) {
  fake_postgres backend("standby", standby_role());
  test_proxy proxy({backend.address()}, [](config::config& options) {
    options.runtime.listeners.at(0).hold_timeout = beyond_patience;
  });
  ASSERT_TRUE(proxy.wait_for_backends(0, 1));
  const std::string query = wire::query(std::string(30'000, ' '));
  for (const bool is_polite : {true, false}) {
    fake_client client(proxy.rw());
    client.send(app_startup_message() + query);
    ASSERT_TRUE(wait_for_held(proxy, 1));
    is_polite ? client.close() : client.reset();
    EXPECT_TRUE(wait_for_held(proxy, 0)) << is_polite;
  }
  EXPECT_TRUE(proxy.wait_for_closed("rw", "client_left_early", 2));
  fake_client patient(proxy.rw());
  patient.send(app_startup_message() + query);
  ASSERT_TRUE(wait_for_held(proxy, 1));
  backend.promote(2);
  EXPECT_TRUE(patient.read_login().is_logged_in);
  EXPECT_EQ(backend.counters().session_startups, 1U);
}

// An application's own timeout fires while its login waits. Its place in the queue must not wait on.
TEST(Hold, FreesThePlaceOfAClientThatLeft) {
  fake_postgres backend("standby", standby_role());
  test_proxy proxy({backend.address()});
  ASSERT_TRUE(proxy.wait_for_backends(0, 1));
  fake_client polite(proxy.rw());
  fake_client rude(proxy.rw());
  polite.send(app_startup_message());
  rude.send(app_startup_message());
  ASSERT_TRUE(wait_for_held(proxy, 2));
  polite.close();
  EXPECT_TRUE(wait_for_held(proxy, 1));
  rude.reset();
  EXPECT_TRUE(wait_for_held(proxy, 0));
  EXPECT_TRUE(proxy.wait_for_closed("rw", "client_left_early", 2));
  backend.promote(2);
  EXPECT_EQ(who_answers(proxy.rw()), "standby");
  EXPECT_EQ(backend.counters().session_connections, 1U);
  EXPECT_TRUE(proxy.accounts_balance());
}

// The queue is bounded: a storm of logins during a long outage must not pile up without end.
TEST(Hold, RefusesBeyondHeldLoginsMax) {
  fake_postgres backend("standby", standby_role());
  test_proxy proxy({backend.address()},
                   [](config::config& options) { options.runtime.limits.held_logins_max = 2; });
  ASSERT_TRUE(proxy.wait_for_backends(0, 1));
  fake_client first(proxy.rw());
  fake_client second(proxy.rw());
  first.send(app_startup_message());
  second.send(app_startup_message());
  ASSERT_TRUE(wait_for_held(proxy, 2));
  const auto refused = fake_client(proxy.rw()).startup();
  EXPECT_EQ(refused.sqlstate, "53300");
  EXPECT_EQ(refused.severity, "FATAL");
  EXPECT_TRUE(proxy.wait_for_closed("rw", "too_many_logins", 1));
  first.close();
  ASSERT_TRUE(wait_for_held(proxy, 1));
  fake_client third(proxy.rw());
  third.send(app_startup_message());
  EXPECT_TRUE(wait_for_held(proxy, 2));
  backend.promote(2);
  EXPECT_TRUE(third.read_login().is_logged_in);
  EXPECT_TRUE(second.read_login().is_logged_in);
}

// The primary hangs (SIGSTOP). It may come back or be replaced; a login made now waits for either.
TEST(Hold, WaitsWhileThePrimaryIsSilent) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints(), hurry_probes);
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  cluster.primary().freeze();
  ASSERT_TRUE(proxy.wait_for_backends(0, 1));
  fake_client client(proxy.rw());
  client.send(app_startup_message());
  ASSERT_TRUE(wait_for_held(proxy, 1));
  cluster.primary().thaw();
  EXPECT_TRUE(client.read_login().is_logged_in);
  EXPECT_EQ(client.query("whoami").value(), "primary");
}

// 200 logins wait together; all of them are served, none twice.
TEST(Hold, ServesAStormOfHeldLogins) {
  constexpr int storm = 200;
  fake_postgres backend("late", standby_role());
  test_proxy proxy({backend.address()});
  ASSERT_TRUE(proxy.wait_for_backends(0, 1));
  std::vector<fake_client> clients;
  for (int i = 0; i < storm; ++i) {
    clients.emplace_back(proxy.rw());
    clients.back().send(app_startup_message());
  }
  ASSERT_TRUE(wait_for_held(proxy, storm));
  backend.promote(2);
  for (fake_client& client : clients) ASSERT_TRUE(client.read_login().is_logged_in);
  EXPECT_EQ(backend.counters().session_logins, 200U);
  EXPECT_EQ(backend.counters().session_startups, 200U);
  EXPECT_EQ(proxy.metric("pgsteer_sessions", rw_label), storm);
}

}  // namespace
}  // namespace pgsteer::test
