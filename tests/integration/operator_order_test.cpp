// The operator's orders about one backend, over the control socket: who is let in, who leaves and when, and
// what they outlast.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <sstream>
#include <vector>

#include "pgsteer/admin/order_command.hpp"
#include "support/eventually.hpp"
#include "support/fake_client.hpp"
#include "support/temporary_folder.hpp"
#include "support/test_proxy.hpp"

namespace pgsteer::test {
namespace {

using order_kind = topology::operator_order::kind;
using ::testing::HasSubstr;

class OperatorOrder : public ::testing::Test {
 protected:
  test_proxy::adjustment with_control(unsigned workers = 2) {
    return [this, workers](config::config& options) {
      options.control.socket = folder_.path() + "/control.sock";
      options.workers = workers;
    };
  }
  struct printed {
    int code = -1;
    std::string out;
    std::string err;
  };
  printed order(const std::string& whom, std::optional<order_kind> what,
                std::optional<duration> time = {}) const {
    std::ostringstream out;
    std::ostringstream err;
    const int code =
        admin::run_backend_order(folder_.path() + "/control.sock", {whom, what, time}, "a while", out, err);
    return {code, out.str(), err.str()};
  }
  void expect_ordered(const fake_postgres& whom, std::optional<order_kind> what,
                      std::optional<duration> time = {}) const {
    const printed said = order(to_string(whom.address()), what, time);
    EXPECT_EQ(said.code, 0) << said.err;
  }
  printed drain_all() const {
    std::ostringstream out;
    std::ostringstream err;
    const int code = admin::run_drain(folder_.path() + "/control.sock", out, err);
    return {code, out.str(), err.str()};
  }

  const temporary_folder folder_;
  fake_cluster cluster_{2};
};

std::set<std::string> readers_land_on(const test_proxy& proxy) {
  std::set<std::string> names;
  for (int i = 0; i < 6; ++i) names.insert(who_answers(proxy.ro()));
  return names;
}

// A reader on this standby.
fake_client reader_on(const test_proxy& proxy, const std::string& name) {
  for (;;) {
    fake_client client(proxy.ro());
    EXPECT_TRUE(client.startup().is_logged_in);
    if (client.query("whoami").value() == name) return client;
  }
}

std::vector<fake_client> writers_on(const test_proxy& proxy, int count) {
  std::vector<fake_client> writers;
  for (int i = 0; i < count; ++i) {
    writers.emplace_back(proxy.rw());
    EXPECT_TRUE(writers.back().startup().is_logged_in);
  }
  return writers;
}

std::string reason_of(const test_proxy& proxy, const fake_postgres& of) {
  const boost::json::value seen = proxy.topology();
  for (const auto& each : seen.at("backends").as_array()) {
    if (each.at("address").as_string() == to_string(of.address()))
      return std::string(each.at("reason").as_string());
  }
  return "not listed";
}

void expect_drained(fake_client& client) {
  const auto told = client.read_query_result();
  EXPECT_EQ(told.severity, "FATAL");
  EXPECT_EQ(told.sqlstate, "57P01");
  EXPECT_EQ(told.message, "terminating connection because the operator drains the backend");
  EXPECT_EQ(told.end, stream_end::closed);
}

TEST_F(OperatorOrder, ADisabledStandbyKeepsItsSessionsAndGetsNoMore) {
  test_proxy proxy(cluster_.endpoints(), with_control());
  ASSERT_TRUE(proxy.wait_for_backends(1, 2));
  fake_client present = reader_on(proxy, "standby-1");
  const std::string address = to_string(cluster_.standby(1).address());
  const printed said = order(address, order_kind::disable);
  EXPECT_EQ(said.out, address + " is disabled until it is resumed; 1 session stays\n") << said.err;
  EXPECT_EQ(readers_land_on(proxy), (std::set<std::string>{"standby-2"}));
  EXPECT_EQ(reason_of(proxy, cluster_.standby(1)), "standby, disabled by the operator");
  EXPECT_EQ(proxy.metric("pgsteer_backend_order", {{"backend", address}, {"order", "disable"}}), 1);
  EXPECT_EQ(present.query("whoami").value(), "standby-1");
  expect_ordered(cluster_.standby(2), order_kind::disable);
  EXPECT_EQ(readers_land_on(proxy), (std::set<std::string>{"primary"})) << "as if there were no standby";
  expect_ordered(cluster_.standby(1), {});
  EXPECT_EQ(readers_land_on(proxy), (std::set<std::string>{"standby-1"}));
  expect_ordered(cluster_.standby(2), {});
  EXPECT_EQ(readers_land_on(proxy), (std::set<std::string>{"standby-1", "standby-2"}));
  EXPECT_EQ(proxy.metric("pgsteer_backend_order"), 0);
}

TEST_F(OperatorOrder, SessionsLeaveADrainedStandbyWhenTheyAreIdle) {
  test_proxy proxy(cluster_.endpoints(), with_control());
  ASSERT_TRUE(proxy.wait_for_backends(1, 2));
  fake_client idle = reader_on(proxy, "standby-1");
  fake_client busy = reader_on(proxy, "standby-1");
  fake_client elsewhere = reader_on(proxy, "standby-2");
  ASSERT_EQ(busy.query("begin").status, 'T');
  expect_ordered(cluster_.standby(1), order_kind::drain);
  expect_drained(idle);
  EXPECT_EQ(busy.query("whoami").value(), "standby-1") << "it is in a transaction";
  EXPECT_EQ(busy.query("commit").status, 'I') << "whose end it hears of";
  expect_drained(busy);
  EXPECT_TRUE(proxy.wait_for_closed("ro", "backend_drained", 2));
  EXPECT_EQ(elsewhere.query("whoami").value(), "standby-2");
  EXPECT_EQ(readers_land_on(proxy), (std::set<std::string>{"standby-2"}));
}

// Each of them comes back elsewhere.
TEST_F(OperatorOrder, SessionsLeaveADrainedBackendOneAfterTheOther) {
  constexpr int sessions = 30;
  test_proxy proxy(cluster_.endpoints(), with_control(1));
  ASSERT_TRUE(proxy.wait_for_backends(1, 2));
  std::vector<fake_client> idle = writers_on(proxy, sessions);
  const auto begun = clock::now();
  expect_ordered(cluster_.primary(), order_kind::drain);
  for (fake_client& each : idle) expect_drained(each);
  EXPECT_GE(clock::now() - begun, (sessions - 1) * milliseconds{10});
}

TEST_F(OperatorOrder, WhoHasNotHadItsTurnStaysIfTheDrainIsTakenBack) {
  constexpr int sessions = 60;
  test_proxy proxy(cluster_.endpoints(), with_control(1));
  ASSERT_TRUE(proxy.wait_for_backends(1, 2));
  std::vector<fake_client> idle = writers_on(proxy, sessions);
  fake_client& busy = idle.front();
  ASSERT_EQ(busy.query("begin").status, 'T');
  expect_ordered(cluster_.primary(), order_kind::drain);
  expect_ordered(cluster_.primary(), order_kind::disable);
  ASSERT_EQ(busy.query("commit").status, 'I');
  EXPECT_EQ(busy.query("whoami").value(), "primary") << "it was asked, and need not any more";
  expect_ordered(cluster_.primary(), order_kind::drain);
  for (fake_client& each : idle) EXPECT_EQ(each.read_query_result().sqlstate, "57P01");
}

TEST_F(OperatorOrder, LoginsWaitForADisabledPrimary) {
  test_proxy proxy(cluster_.endpoints(), with_control());
  ASSERT_TRUE(proxy.wait_for_backends(1, 2));
  fake_client present(proxy.rw());
  ASSERT_TRUE(present.startup().is_logged_in);
  EXPECT_THAT(order(to_string(cluster_.primary().address()), order_kind::disable).out,
              HasSubstr("it is the primary: new rw logins wait"));
  fake_client held(proxy.rw());
  held.send(app_startup_message());
  ASSERT_TRUE(proxy.wait_for_metric("pgsteer_logins_held", rw_label, 1));
  fake_client impatient(proxy.impatient());
  const login_outcome refused = impatient.startup();
  EXPECT_EQ(refused.sqlstate, "57P03");
  EXPECT_THAT(refused.message, HasSubstr("the primary takes no new sessions by the operator's order"));
  EXPECT_EQ(present.query("whoami").value(), "primary");
  EXPECT_EQ(reason_of(proxy, cluster_.primary()), "primary, disabled by the operator");
  expect_ordered(cluster_.primary(), {});
  EXPECT_TRUE(held.read_login().is_logged_in);
  EXPECT_EQ(held.query("whoami").value(), "primary");
}

TEST_F(OperatorOrder, AFailoverOfADisabledPrimaryGoesOnAsEver) {
  test_proxy proxy(cluster_.endpoints(), with_control());
  ASSERT_TRUE(proxy.wait_for_backends(1, 2));
  expect_ordered(cluster_.primary(), order_kind::disable);
  fake_client held(proxy.rw());
  held.send(app_startup_message());
  ASSERT_TRUE(proxy.wait_for_metric("pgsteer_logins_held", rw_label, 1));
  cluster_.primary().crash();
  cluster_.standby(1).promote(2);
  EXPECT_TRUE(held.read_login().is_logged_in);
  EXPECT_EQ(held.query("whoami").value(), "standby-1");
}

TEST_F(OperatorOrder, IsOverWithItsTime) {
  test_proxy proxy(cluster_.endpoints(), with_control());
  ASSERT_TRUE(proxy.wait_for_backends(1, 2));
  const auto begun = clock::now();
  expect_ordered(cluster_.primary(), order_kind::disable, seconds{1});
  fake_client held(proxy.rw());
  EXPECT_TRUE(held.startup().is_logged_in);
  EXPECT_GE(clock::now() - begun, seconds{1});
  EXPECT_EQ(proxy.metric("pgsteer_backend_order"), 0);
}

// Also one that takes the backend away and brings it back.
TEST_F(OperatorOrder, OutlastsAReload) {
  test_proxy proxy(cluster_.endpoints(), with_control());
  ASSERT_TRUE(proxy.wait_for_backends(1, 2));
  expect_ordered(cluster_.standby(1), order_kind::drain);
  const auto name_backends = [&](std::vector<endpoint> backends) {
    return proxy.reload([&](config::config& options) {
      options.discovery = discovery::static_options{.backends = std::move(backends)};
    });
  };
  using outcome = admin::reload_report::outcome;
  ASSERT_EQ(name_backends({cluster_.primary().address(), cluster_.standby(2).address()}).what,
            outcome::applied);
  ASSERT_TRUE(eventually(patience, [&] { return reason_of(proxy, cluster_.standby(1)) == "not listed"; }));
  ASSERT_EQ(name_backends(cluster_.endpoints()).what, outcome::applied);
  ASSERT_TRUE(eventually(
      patience, [&] { return reason_of(proxy, cluster_.standby(1)) == "standby, drained by the operator"; }));
  EXPECT_EQ(readers_land_on(proxy), (std::set<std::string>{"standby-2"}));
}

TEST_F(OperatorOrder, OutlastsAnUpgrade) {
  test_proxy before(cluster_.endpoints(), with_control());
  ASSERT_TRUE(before.wait_for_backends(1, 2));
  fake_client busy = reader_on(before, "standby-1");
  ASSERT_EQ(busy.query("begin").status, 'T');
  expect_ordered(cluster_.standby(1), order_kind::drain, std::chrono::hours{1});
  expect_ordered(cluster_.primary(), order_kind::disable);
  test_proxy after(before, {});
  ASSERT_EQ(before.wait_for_exit(), 0);
  EXPECT_EQ(readers_land_on(after), (std::set<std::string>{"standby-2"}));
  EXPECT_EQ(busy.query("commit").status, 'I') << "its transaction is over in the new process";
  expect_drained(busy);
  const boost::json::value seen = after.topology();
  for (const auto& each : seen.at("backends").as_array()) {
    if (each.at("address").as_string() != to_string(cluster_.standby(1).address())) continue;
    const auto left = each.at("order").at("left_ms").as_int64();
    EXPECT_LE(left, 3'600'000);
    EXPECT_GT(left, 3'600'000 - patience.count());
  }
  fake_client held(after.rw());
  held.send(app_startup_message());
  ASSERT_TRUE(after.wait_for_metric("pgsteer_logins_held", rw_label, 1));
  expect_ordered(cluster_.primary(), {});
  EXPECT_TRUE(held.read_login().is_logged_in);
}

// Whoever takes over has been told which orders there are, and would not hear of another one.
TEST_F(OperatorOrder, IsRefusedWhileAnotherProcessTakesOver) {
  cluster_.primary().demote(1);
  test_proxy before(cluster_.endpoints(), with_control());
  ASSERT_TRUE(before.wait_for_backends(0, 3));
  fake_client held(before.rw());
  held.send(app_startup_message());
  ASSERT_TRUE(before.wait_for_metric("pgsteer_logins_held", rw_label, 1));
  test_proxy after(before, {});
  ASSERT_TRUE(eventually(patience, [&] { return after.admin_get("/api/v1/topology").status == 200; }));
  const printed said = order(to_string(cluster_.standby(1).address()), order_kind::drain);
  EXPECT_EQ(said.code, 1);
  // Whichever of them has the socket by now.
  EXPECT_THAT(said.err,
              ::testing::AnyOf(HasSubstr("is still taking over"), HasSubstr("is under way already")));
  EXPECT_EQ(drain_all().code, 1);
  cluster_.primary().promote(2);
  EXPECT_TRUE(held.read_login().is_logged_in);
  ASSERT_EQ(before.wait_for_exit(), 0);
  EXPECT_TRUE(eventually(patience, [&] {
    return order(to_string(cluster_.standby(1).address()), order_kind::drain).code == 0;
  }));
}

TEST_F(OperatorOrder, OfAnUnknownBackendIsRefused) {
  test_proxy proxy(cluster_.endpoints(), with_control());
  ASSERT_TRUE(proxy.wait_for_backends(1, 2));
  const printed said = order("pg-9:5432", order_kind::drain);
  EXPECT_EQ(said.code, 1);
  EXPECT_THAT(said.err, HasSubstr("no backend is called \"pg-9:5432\"; there are "));
  for (const endpoint& each : cluster_.endpoints()) EXPECT_THAT(said.err, HasSubstr(to_string(each)));
}

// The answer comes before the end.
TEST_F(OperatorOrder, ToDrainAllOfItEndsIt) {
  test_proxy proxy(cluster_.endpoints(), with_control());
  ASSERT_TRUE(proxy.wait_for_backends(1, 2));
  const printed said = drain_all();
  EXPECT_EQ(said.code, 0) << said.err;
  EXPECT_EQ(said.out, "pgsteer drains; 0 sessions leave as they become idle\n");
  EXPECT_EQ(proxy.wait_for_exit(), 0);
}

TEST_F(OperatorOrder, ToDrainAllOfItIsHeardOnce) {
  test_proxy proxy(cluster_.endpoints(), with_control());
  ASSERT_TRUE(proxy.wait_for_backends(1, 2));
  fake_client busy(proxy.rw());
  ASSERT_TRUE(busy.startup().is_logged_in);
  ASSERT_EQ(busy.query("begin").status, 'T');
  EXPECT_EQ(drain_all().out, "pgsteer drains; 1 session leaves once it is idle\n");
  EXPECT_EQ(drain_all().out, "pgsteer drains already; 1 session leaves once it is idle\n");
  EXPECT_EQ(order(to_string(cluster_.standby(1).address()), order_kind::drain).code, 1) << "it is stopping";
  EXPECT_EQ(busy.query("commit").status, 'I') << "not before its transaction is over";
  EXPECT_EQ(busy.read_query_result().sqlstate, "57P01");
  EXPECT_EQ(proxy.wait_for_exit(), 0);
}

}  // namespace
}  // namespace pgsteer::test
