// Faults that must be timed or counted more precisely than a real PostgreSQL allows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "support/fake_client.hpp"
#include "support/test_proxy.hpp"

namespace pgsteer::test {
namespace {

using std::chrono::steady_clock;

// One worker, so that what one login has been told holds for all that come later; and no probe but those that
// a slow login brings about would find out.
void rely_on_slow_logins(config::config& options) {
  options.workers = 1;
  options.runtime.login.connect_timeout = milliseconds{300};
}

// One login meets the silent primary. Once it waits for another, so must all that come later.
std::vector<fake_client> send_logins(const test_proxy& proxy, const std::function<bool()>& is_found_out) {
  constexpr int later = 20;
  std::vector<fake_client> clients;
  clients.emplace_back(proxy.rw());
  clients.back().send(app_startup_message("first"));
  EXPECT_TRUE(eventually(patience, is_found_out));
  EXPECT_TRUE(proxy.wait_for_metric("pgsteer_logins_held", rw_label, 1));
  for (int i = 0; i < later; ++i) {
    clients.emplace_back(proxy.rw());
    clients.back().send(app_startup_message("later"));
  }
  EXPECT_TRUE(proxy.wait_for_metric("pgsteer_logins_held", rw_label, 1 + later));
  return clients;
}

bool has_seen_nobody_later(fake_postgres& backend) {
  const auto users = backend.counters().session_users;
  return std::all_of(users.begin(), users.end(), [](const std::string& user) { return user == "first"; });
}

// The kernel of a frozen host completes every handshake, so that a dial proves nothing: what a proxy sends
// there hangs until somebody else gives up. The slowness of the first login has to be enough to spare the
// next ones.
TEST(Faults, FrozenPrimaryGetsNoLoginAfterTheFirst) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints(), [](config::config& options) {
    rely_on_slow_logins(options);
    hurry_probes(options);
    options.probe.interval = options.topology.role_ttl = beyond_patience;
  });
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  cluster.primary().freeze();
  std::vector<fake_client> clients = send_logins(proxy, [&] { return proxy.wait_for_backends(0, 1); });
  cluster.standby(1).promote(2);
  for (fake_client& client : clients) ASSERT_TRUE(client.read_login().is_logged_in);
  EXPECT_GE(cluster.standby(1).counters().session_logins, clients.size());  // a slow host cuts some short
  cluster.primary().thaw();
  // It now reads what was sent to it while it stood still.
  ASSERT_TRUE(eventually(patience, [&] { return cluster.primary().counters().session_startups >= 1; }));
  EXPECT_TRUE(stays_true(milliseconds{200}, [&] { return has_seen_nobody_later(cluster.primary()); }));
  EXPECT_TRUE(proxy.accounts_balance());
}

// The same when only new logins hang: the processes forked before answer as ever, the probe's among them. A
// fresh login of the probe's own has to hang for probe.timeout, and only a slow login makes it try one.
TEST(Faults, HungPostmasterGetsNoLoginAfterTheFirst) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints(), [](config::config& options) {
    rely_on_slow_logins(options);
    options.probe.timeout = milliseconds{500};
    options.probe.login_interval = options.probe.primary_login_interval = beyond_patience;
  });
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  cluster.primary().change([](fake_settings& settings) {
    settings.session_logins.otherwise = settings.probe_logins.otherwise = {login_behaviour::silent, "", ""};
  });
  std::vector<fake_client> clients = send_logins(proxy, [&] {
    return cluster.primary().counters().session_startups >= 1 &&
           proxy.metric("pgsteer_probes_total", {{"outcome", "login_hung"}}) >= 1;
  });
  EXPECT_TRUE(has_seen_nobody_later(cluster.primary()));
  cluster.primary().accept_logins();
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
    const auto back = steady_clock::now();
    looping.listen_again();
    // Every other login would be its, and the first one is, but not before its rest is over.
    std::string who = "standby-2";
    while (who == "standby-2" && steady_clock::now() - back < patience) who = who_answers(proxy.ro());
    EXPECT_EQ(who, "standby-1");
    EXPECT_GE(steady_clock::now() - back, rest);
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
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  const std::string words = "sorry, too many clients already";
  cluster.primary().change([&](fake_settings& settings) {
    settings.session_logins.otherwise =
        settings.probe_logins.otherwise = {login_behaviour::error, "53300", words};
  });
  cluster.primary().kill_all_connections(false);
  ASSERT_TRUE(eventually(patience, [&] {
    return proxy.metric("pgsteer_probes_total", {{"outcome", "too_many_clients"}}) >= 1;
  }));
  EXPECT_TRUE(proxy.wait_for_primary(cluster.primary().address()));
  const auto refused = fake_client(proxy.impatient()).startup();
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
