// SIGTERM, without the signal: a rolling update must lose nobody who could be told.
#include <gtest/gtest.h>

#include <thread>

#include "support/fake_client.hpp"
#include "support/test_proxy.hpp"

namespace pgsteer::test {
namespace {

using std::chrono::steady_clock;

// Where a test sets no drain_timeout it is beyond patience: an end is not the deadline's doing.

// Nothing to wait for: it ends at once.
TEST(Stop, EndsAtOnceWithoutSessions) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  proxy.request_stop();
  EXPECT_EQ(proxy.wait_for_exit(), 0);
}

// Nobody new comes in while the present ones are still served.
TEST(Stop, TakesNoNewSessions) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  const endpoint rw = proxy.rw();
  fake_client present(rw);
  ASSERT_TRUE(present.startup().is_logged_in);
  EXPECT_EQ(present.query("begin").status, 'T');
  proxy.request_stop();
  EXPECT_TRUE(eventually(patience, [&] { return !fake_client(rw).is_open(); }));
  EXPECT_EQ(present.query("commit").status, 'I');
  present.send(wire::terminate());
  present.close();
  EXPECT_EQ(proxy.wait_for_exit(), 0);
}

// An idle session is told with 57P01; drain_timeout is beyond patience.
TEST(Stop, TellsIdleSessions) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  fake_client idle(proxy.rw());
  ASSERT_TRUE(idle.startup().is_logged_in);
  EXPECT_EQ(idle.query("whoami").value(), "primary");
  proxy.request_stop();
  const auto told = idle.read_query_result();
  EXPECT_EQ(told.severity, "FATAL");
  EXPECT_EQ(told.sqlstate, "57P01");
  EXPECT_EQ(told.end, stream_end::closed);
  EXPECT_EQ(proxy.wait_for_exit(), 0);
  EXPECT_TRUE(eventually(patience, [&] { return cluster.open_sessions() == 0; }));
}

// Whoever is connected by the time of the signal is served, and the others are refused: nobody gets a reset.
TEST(Stop, ServesWhoeverWaitsToBeAccepted) {
  for (const unsigned workers : {1U, 2U}) {
    fake_cluster cluster(1);
    test_proxy proxy(cluster.endpoints(), [&](config::config& options) { options.workers = workers; });
    ASSERT_TRUE(proxy.wait_for_backends(1, 1));
    const endpoint rw = proxy.rw();
    std::vector<fake_client> clients;
    for (int i = 0; i < 200; ++i) {
      clients.emplace_back(rw);
      if (i == 150) proxy.request_stop();
      if (!clients.back().is_open()) break;
      clients.back().send(app_startup_message());
    }
    EXPECT_GE(clients.size(), 150U);
    if (!clients.back().is_open()) clients.pop_back();
    for (fake_client& each : clients) EXPECT_TRUE(each.read_login().is_logged_in);
    for (fake_client& each : clients) each.close();
    EXPECT_EQ(proxy.wait_for_exit(), 0);
  }
}

// A load balancer hears a moment later that it is not ready any more.
TEST(Stop, AcceptsForAGraceTimeThoughItIsNotReady) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints(),
                   [](config::config& options) { options.drain_grace = beyond_patience; });
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  fake_client idle(proxy.rw());
  ASSERT_TRUE(idle.startup().is_logged_in);
  proxy.request_stop();
  ASSERT_TRUE(eventually(patience, [&] { return proxy.admin_get("/readyz").status == 503; }));
  EXPECT_EQ(who_answers(proxy.rw()), "primary");
  EXPECT_EQ(idle.query("whoami").value(), "primary") << "it would come back here";
  proxy.request_stop();
  EXPECT_EQ(proxy.wait_for_exit(), 0);
}

// Its process's end would close its socket, and cost it the rest of what it was sent.
TEST(Stop, StaysForAWhileForWhoeverHasNotReadAll) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints(),
                   [](config::config& options) { options.drain_timeout = milliseconds{10}; });
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  constexpr int receive_buffer_bytes = 4'096;
  constexpr double bytes = 200'000;
  fake_client slow(proxy.rw(), receive_buffer_bytes);
  ASSERT_TRUE(slow.startup().is_logged_in);
  ASSERT_TRUE(slow.send(wire::query("bulk 200000")));
  ASSERT_TRUE(eventually(patience, [&] {
    return proxy.metric("pgsteer_relay_bytes_total", {{"direction", "backend_to_client"}}) >= bytes;
  }));
  const auto begun_at = steady_clock::now();
  proxy.request_stop();
  EXPECT_EQ(proxy.wait_for_exit(), 0);
  EXPECT_GE(steady_clock::now() - begun_at, seconds{1});
  EXPECT_NE(slow.read_until_end().bytes.find("57P01"), std::string::npos);
}

// A single worker accepts its connections itself: the end of that must not cross threads with a new one.
TEST(Stop, ASingleWorkerServesAndEndsToo) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints(), [](config::config& options) {
    options.workers = 1;
    options.relay.spin = relay::toggle::on;
    options.drain_timeout = milliseconds{500};
  });
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  const endpoint rw = proxy.rw();
  EXPECT_EQ(who_answers(proxy.ro()), "standby-1");
  fake_client idle(rw);
  ASSERT_TRUE(idle.startup().is_logged_in);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(idle.query("whoami").value(), "primary");
  std::thread crowd([rw] {
    for (int i = 0; i < 50; ++i) (void)fake_client(rw).is_open();
  });
  proxy.request_stop();
  crowd.join();
  EXPECT_TRUE(eventually(patience, [&] { return !fake_client(rw).is_open(); }));
  const auto told = idle.read_query_result();
  EXPECT_EQ(told.sqlstate, "57P01");
  EXPECT_EQ(proxy.wait_for_exit(), 0);
  EXPECT_TRUE(eventually(patience, [&] { return cluster.open_sessions() == 0; }));
}

// A transaction under way may finish within drain_timeout; when its session ends, pgsteer does not wait on.
TEST(Stop, LetsATransactionFinish) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  fake_client client(proxy.rw());
  ASSERT_TRUE(client.startup().is_logged_in);
  EXPECT_EQ(client.query("begin").status, 'T');
  proxy.request_stop();
  EXPECT_TRUE(stays_true(milliseconds{200}, [&] { return client.query("echo x").value() == "x"; }));
  EXPECT_FALSE(proxy.has_ended());
  EXPECT_EQ(proxy.admin_get("/readyz").status, 503);
  EXPECT_EQ(proxy.admin_get("/livez").status, 200);
  EXPECT_EQ(client.query("commit").status, 'I');
  client.send(wire::terminate());
  client.close();
  EXPECT_EQ(proxy.wait_for_exit(), 0);
}

// At the deadline, and not before, a transaction is cut off; what pgsteer promises is an end.
TEST(Stop, EndsAtTheDrainDeadlineWhateverIsOpen) {
  constexpr milliseconds drain_timeout{500};
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints(),
                   [&](config::config& options) { options.drain_timeout = drain_timeout; });
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  fake_client in_transaction(proxy.rw());
  ASSERT_TRUE(in_transaction.startup().is_logged_in);
  EXPECT_EQ(in_transaction.query("begin").status, 'T');
  fake_client wordless(proxy.rw());
  const auto asked = steady_clock::now();
  proxy.request_stop();
  EXPECT_EQ(in_transaction.read_until_end().end, stream_end::reset);
  EXPECT_GE(steady_clock::now() - asked, drain_timeout);
  EXPECT_NE(wordless.read_until_end().end, stream_end::timed_out);
  EXPECT_EQ(proxy.wait_for_exit(), 0);
}

// A login held for a primary is told before pgsteer goes.
TEST(Stop, TellsHeldLogins) {
  fake_postgres backend("standby", standby_role());
  test_proxy proxy({backend.address()},
                   [](config::config& options) { options.drain_timeout = milliseconds{300}; });
  ASSERT_TRUE(proxy.wait_for_backends(0, 1));
  fake_client held(proxy.rw());
  held.send(app_startup_message());
  ASSERT_TRUE(proxy.wait_for_metric("pgsteer_logins_held", rw_label, 1));
  proxy.request_stop();
  const auto login = held.read_login();
  EXPECT_EQ(login.sqlstate, "57P01");
  EXPECT_EQ(login.end, stream_end::closed);
  EXPECT_EQ(proxy.wait_for_exit(), 0);
}

// Whoever asks twice does not want to wait.
TEST(Stop, EndsAtOnceWhenAskedTwice) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  fake_client client(proxy.rw());
  ASSERT_TRUE(client.startup().is_logged_in);
  EXPECT_EQ(client.query("begin").status, 'T');
  proxy.request_stop();
  EXPECT_TRUE(stays_true(milliseconds{100}, [&] { return !proxy.has_ended(); }));
  proxy.request_stop();
  EXPECT_NE(client.read_until_end().end, stream_end::timed_out);
  EXPECT_EQ(proxy.wait_for_exit(), 0);
}

}  // namespace
}  // namespace pgsteer::test
