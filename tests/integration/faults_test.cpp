// Faults that must be timed or counted more precisely than a real PostgreSQL allows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <charconv>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "support/fake_client.hpp"
#include "support/test_proxy.hpp"

namespace pgsteer::test {
namespace {

using std::chrono::steady_clock;

// The promise: with logins arriving, a silent primary gets no new one later than this.
constexpr milliseconds late_max = slowness * milliseconds{300};

milliseconds since(steady_clock::time_point start) {
  return std::chrono::duration_cast<milliseconds>(steady_clock::now() - start);
}

// As the program is shipped, not as tests are hurried.
void use_default_probes(config::config& options) {
  const probe::probe_options shipped;
  options.probe.interval = shipped.interval;
  options.probe.burst_interval = shipped.burst_interval;
  options.probe.timeout = shipped.timeout;
  options.session.connect_timeout = session::session_options{}.connect_timeout;
  options.listeners.at(0).hold_timeout = seconds{20};
}

// Logins whose user is the time of their arrival in milliseconds: what a backend has seen tells when it was
// dialed.
std::vector<fake_client> arrive_for(milliseconds span, const endpoint& target) {
  std::vector<fake_client> clients;
  const auto start = steady_clock::now();
  for (milliseconds now{0}; now < span; now = since(start)) {
    clients.emplace_back(target);
    clients.back().send(app_startup_message(std::to_string(now.count())));
    std::this_thread::sleep_for(milliseconds{5});
  }
  return clients;
}

milliseconds latest_arrival(const fake_counters& counters) {
  milliseconds latest{-1};
  for (const std::string& user : counters.session_users) {
    int ms = 0;
    std::from_chars(user.data(), user.data() + user.size(), ms);
    latest = std::max(latest, milliseconds{ms});
  }
  return latest;
}

// The kernel of a frozen host completes every handshake, so that a dial proves nothing: what a proxy sends
// there hangs until somebody else gives up. The slowness of the first login has to be enough to spare the
// next ones.
TEST(Faults, FrozenPrimaryGetsNoLoginThatArrivesLate) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints(), use_default_probes);
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  cluster.primary().freeze();
  std::vector<fake_client> clients = arrive_for(milliseconds{1'000} + late_max, proxy.rw());
  cluster.standby(1).promote(2);
  for (fake_client& client : clients) ASSERT_TRUE(client.read_login().is_logged_in);
  EXPECT_GE(cluster.standby(1).counters().session_logins, clients.size());  // a slow host cuts some short
  cluster.primary().thaw();
  // It now reads what was sent to it while it stood still.
  ASSERT_TRUE(
      eventually(patience, [&] { return latest_arrival(cluster.primary().counters()) >= milliseconds{0}; }));
  EXPECT_TRUE(
      stays_true(milliseconds{200}, [&] { return latest_arrival(cluster.primary().counters()) <= late_max; }))
      << latest_arrival(cluster.primary().counters()).count() << " ms";
  EXPECT_TRUE(proxy.accounts_balance());
}

// The same when only new logins hang: the processes forked before answer as ever, the probe's among them.
TEST(Faults, HungPostmasterGetsNoLoginThatArrivesLate) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints(), use_default_probes);
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  cluster.primary().change([](fake_settings& settings) {
    settings.session_logins.otherwise = settings.probe_logins.otherwise = {login_behaviour::silent, "", ""};
  });
  std::vector<fake_client> clients = arrive_for(milliseconds{1'000} + late_max * 3, proxy.rw());
  // The first one is slow, then a fresh login of the probe's own (at most one an interval) has to hang for
  // probe.timeout.
  EXPECT_LE(latest_arrival(cluster.primary().counters()), late_max * 3);
  EXPECT_GE(latest_arrival(cluster.primary().counters()), milliseconds{0});
  cluster.primary().accept_logins();
  cluster.primary().change([](fake_settings& settings) { settings.probe_logins.otherwise = {}; });
  for (fake_client& client : clients) ASSERT_TRUE(client.read_login().is_logged_in);
  EXPECT_EQ(proxy.metric("pgsteer_primary_changes_total"), 0);
}

// A crash loop as one probe after the other sees it. Each return takes the next rest, twice as long; with
// nobody else to read from there is no rest.
TEST(Faults, CrashLoopingStandbyRestsUnlessItIsTheOnlyOne) {
  fake_cluster cluster(2);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 2));
  fake_postgres& looping = cluster.standby(1);
  for (const milliseconds rest : {milliseconds{500}, milliseconds{1'000}}) {
    SCOPED_TRACE(rest.count());
    looping.crash();
    ASSERT_TRUE(proxy.wait_for_backends(1, 1));
    looping.listen_again();
    const auto back = steady_clock::now();
    const auto before = looping.counters().session_connections;
    while (since(back) < rest - milliseconds{50}) ASSERT_EQ(who_answers(proxy.ro()), "standby-2");
    EXPECT_EQ(looping.counters().session_connections, before);
    ASSERT_TRUE(proxy.wait_for_backends(1, 2));
  }
  looping.crash();
  cluster.standby(2).crash();
  ASSERT_TRUE(proxy.wait_for_backends(1, 0));
  looping.listen_again();
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  EXPECT_EQ(who_answers(proxy.ro()), "standby-1");
}

// Slots run out while the probe's own connection breaks: "too many clients" comes before authentication, so
// clients wait for a slot, and the refusal they get in the end is PostgreSQL's own.
TEST(Faults, FullPrimaryStaysPrimaryAndItsRefusalIsPassedOn) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints(),
                   [](config::config& options) { options.listeners.at(0).hold_timeout = milliseconds{500}; });
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  const std::string words = "sorry, too many clients already";
  cluster.primary().change([&](fake_settings& settings) {
    settings.session_logins.otherwise =
        settings.probe_logins.otherwise = {login_behaviour::error, "53300", words};
  });
  cluster.primary().kill_all_connections(false);
  ASSERT_TRUE(proxy.wait_for_metric("pgsteer_probes_total", {{"outcome", "too_many_clients"}}, 1) ||
              proxy.metric("pgsteer_probes_total", {{"outcome", "too_many_clients"}}) > 1);
  EXPECT_TRUE(proxy.wait_for_primary(cluster.primary().address()));
  const auto refused = fake_client(proxy.rw()).startup();
  EXPECT_EQ(refused.sqlstate, "53300");
  EXPECT_THAT(refused.message, testing::HasSubstr(words));
  EXPECT_TRUE(proxy.wait_for_primary(cluster.primary().address()));
  cluster.primary().change([](fake_settings& settings) {
    settings.session_logins.otherwise = settings.probe_logins.otherwise = {};
  });
  EXPECT_TRUE(eventually(patience, [&] { return who_answers(proxy.rw()) == "primary"; }));
}

}  // namespace
}  // namespace pgsteer::test
