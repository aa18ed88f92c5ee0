// One proxy takes over from another, in one process here: whoever is connected cannot tell.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "support/byte_pattern.hpp"
#include "support/data_plane.hpp"
#include "support/eventually.hpp"
#include "support/fake_client.hpp"
#include "support/temporary_folder.hpp"
#include "support/test_proxy.hpp"

namespace pgsteer::test {
namespace {

class Upgrade : public ::testing::Test {
 protected:
  test_proxy::adjustment with_control(unsigned workers = 2) {
    return [this, workers](config::config& options) {
      options.control.socket = folder_.path() + "/control.sock";
      options.workers = workers;
    };
  }
  // Its address, once the one before has nothing more.
  static void wait_until_taken_over(test_proxy& from) { ASSERT_EQ(from.wait_for_exit(), 0); }

  const temporary_folder folder_;
  fake_cluster cluster_{1};
};

struct logged_in {
  explicit logged_in(const endpoint& target) : client(target), login(client.startup()) {
    EXPECT_TRUE(login.is_logged_in);
  }
  fake_client client;
  login_outcome login;
};

// By the kernel's engine of this run, and by the other one: from each to each, in the runs of the suite.
using engines = std::pair<relay::engine_choice, unsigned>;
class UpgradeOfEngines : public Upgrade, public ::testing::WithParamInterface<engines> {};

TEST_P(UpgradeOfEngines, SessionsGoOn) {
  const auto [engine, workers] = GetParam();
  test_proxy before(cluster_.endpoints(), with_control(3 - workers));
  ASSERT_TRUE(before.wait_for_backends(1, 1));
  std::vector<logged_in> writers;
  std::vector<logged_in> readers;
  for (int i = 0; i < 70; ++i) writers.emplace_back(before.rw());
  for (int i = 0; i < 5; ++i) readers.emplace_back(before.ro());
  ASSERT_EQ(writers[1].client.query("begin").status, 'T');
  test_proxy after(before, [engine = engine, workers = workers](config::config& options) {
    options.relay.engine = engine;
    options.workers = workers;
  });
  wait_until_taken_over(before);
  for (logged_in& each : writers) EXPECT_EQ(each.client.query("whoami").value(), "primary");
  for (logged_in& each : readers) EXPECT_EQ(each.client.query("whoami").value(), "standby-1");
  EXPECT_EQ(writers[1].client.query("commit").status, 'I') << "the transaction is the same";
  EXPECT_EQ(cluster_.session_connections(), writers.size() + readers.size()) << "nobody has logged in again";
  EXPECT_EQ(after.metric("pgsteer_sessions", rw_label), 70);
  EXPECT_EQ(after.metric("pgsteer_sessions", ro_label), 5);
  EXPECT_EQ(after.metric("pgsteer_backend_sessions", {{"backend", to_string(cluster_.primary().address())}}),
            70);
  EXPECT_EQ(who_answers(after.rw()), "primary");
}

INSTANTIATE_TEST_SUITE_P(Engines, UpgradeOfEngines,
                         ::testing::Values(engines{relay::engine_choice::epoll, 1},
                                           engines{relay::engine_choice::automatic, 2}));

TEST_F(Upgrade, ASecondOneFollows) {
  test_proxy first(cluster_.endpoints(), with_control());
  ASSERT_TRUE(first.wait_for_backends(1, 1));
  logged_in session(first.rw());
  test_proxy second(first, {});
  wait_until_taken_over(first);
  EXPECT_EQ(session.client.query("whoami").value(), "primary");
  test_proxy third(second, {});
  wait_until_taken_over(second);
  EXPECT_EQ(session.client.query("whoami").value(), "primary");
  EXPECT_EQ(third.metric("pgsteer_sessions", rw_label), 1);
}

// Its key is known to the process that has the session, whoever had it before.
TEST_F(Upgrade, AQueryIsCancelledThroughTheNewProcess) {
  test_proxy before(cluster_.endpoints(), with_control());
  ASSERT_TRUE(before.wait_for_backends(1, 1));
  logged_in session(before.rw());
  session.client.send(wire::query("hang"));
  test_proxy after(before, {});
  wait_until_taken_over(before);
  ASSERT_TRUE(after.wait_for_metric("pgsteer_sessions", rw_label, 1)) << "it is with one of the workers";
  EXPECT_EQ(send_cancel(after.rw(), session.login.pid, session.login.key), stream_end::closed);
  EXPECT_EQ(session.client.read_query_result().sqlstate, "57014");
  EXPECT_EQ(after.metric("pgsteer_cancels_total", {{"result", "forwarded"}}), 1);
}

// Bytes are on their way in both directions, and stuck in the proxy, all the time.
TEST_F(Upgrade, NoByteIsLostOrChanged) {
  constexpr std::size_t n = std::size_t{24} << 20U;
  test_proxy before(cluster_.endpoints(), with_control());
  ASSERT_TRUE(before.wait_for_backends(1, 1));
  logged_in both(before.rw());
  logged_in slow(before.rw());
  slow.client.send(wire::query("bulk " + std::to_string(n)));
  const std::string upload = byte_pattern(1).take(n);
  both.client.send(wire::query("duplex 2 " + std::to_string(n)));
  std::thread sender([&] { EXPECT_TRUE(both.client.send(upload, patience)); });
  const std::string first = both.client.read_exactly(n / 8).bytes;
  test_proxy after(before, {});
  wait_until_taken_over(before);
  const std::string rest = both.client.read_exactly(n - n / 8).bytes;
  sender.join();
  EXPECT_EQ(checksum_of(first + rest), checksum_of(byte_pattern(2).take(n)));
  EXPECT_EQ(both.client.read_query_result().value(), std::to_string(checksum_of(upload)));
  std::string data;
  for (const auto& row : slow.client.read_query_result().rows) data += row.at(0).value_or("");
  EXPECT_EQ(checksum_of(data), checksum_of(byte_pattern(n).take(n)));
}

// The last message was ReadyForQuery in the process before, and this one knows it.
TEST_F(Upgrade, AnIdleSessionIsToldOfTheEndThatComesLater) {
  test_proxy before(cluster_.endpoints(), with_control());
  ASSERT_TRUE(before.wait_for_backends(1, 1));
  logged_in session(before.rw());
  test_proxy after(before, {});
  wait_until_taken_over(before);
  after.request_stop();
  const auto last = session.client.read_message();
  ASSERT_TRUE(last);
  EXPECT_NE(last->body.find("57P01"), std::string::npos);
  EXPECT_EQ(session.client.read_until_end().end, stream_end::closed);
}

// It stays where it is until it is logged in, and follows then.
TEST_F(Upgrade, AHeldLoginIsServed) {
  cluster_.primary().demote(1);
  test_proxy before(cluster_.endpoints(), with_control());
  ASSERT_TRUE(before.wait_for_backends(0, 2));
  fake_client held(before.rw());
  held.send(app_startup_message());
  ASSERT_TRUE(before.wait_for_metric("pgsteer_logins_held", rw_label, 1));
  test_proxy after(before, {});
  EXPECT_THAT(who_answers(after.ro()), ::testing::AnyOf("standby-1", "primary")) << "both are standbys";
  cluster_.primary().promote(2);
  EXPECT_TRUE(held.read_login().is_logged_in);
  wait_until_taken_over(before);
  EXPECT_EQ(held.query("whoami").value(), "primary");
  EXPECT_EQ(after.metric("pgsteer_sessions", rw_label), 1);
}

// Its listener is not configured any more: it stays, and is told to go when it is idle.
TEST_F(Upgrade, WhatTheNewProcessHasNoPlaceForIsDrained) {
  test_proxy before(cluster_.endpoints(), with_control());
  ASSERT_TRUE(before.wait_for_backends(1, 1));
  logged_in stays(before.ro());
  logged_in goes(before.rw());
  ASSERT_EQ(stays.client.query("begin").status, 'T');
  test_proxy after(before, [](config::config& options) {
    std::erase_if(options.runtime.listeners, [](const auto& each) { return each.name == "ro"; });
  });
  EXPECT_EQ(who_answers(after.rw()), "primary");
  EXPECT_EQ(goes.client.query("whoami").value(), "primary");
  EXPECT_EQ(stays.client.query("commit").status, 'I') << "not before its transaction is over";
  const auto last = stays.client.read_message();
  ASSERT_TRUE(last);
  EXPECT_NE(last->body.find("57P01"), std::string::npos);
  wait_until_taken_over(before);
  EXPECT_EQ(goes.client.query("whoami").value(), "primary");
}

// The fence and the incumbent are known to it: who was no primary for the process before is none for this
// one.
TEST_F(Upgrade, AFencedPrimaryStaysOut) {
  test_proxy before(cluster_.endpoints(), with_control());
  ASSERT_TRUE(before.wait_for_backends(1, 1));
  cluster_.standby(1).promote(2);
  ASSERT_TRUE(before.wait_for_primary(cluster_.standby(1).address()));
  test_proxy after(before, {});
  wait_until_taken_over(before);
  cluster_.standby(1).crash();
  EXPECT_EQ(who_answers(after.impatient()), "57P03") << "the primary of before is not the primary again";
}

// A wrong password of the probe, or a list without the primary: the process that runs is the better one.
TEST_F(Upgrade, AProcessThatSeesLessIsRefused) {
  test_proxy before(cluster_.endpoints(), with_control());
  ASSERT_TRUE(before.wait_for_backends(1, 1));
  logged_in session(before.rw());
  test_proxy after(before, [this](config::config& options) {
    options.discovery = discovery::static_options{.backends = {cluster_.standby(1).address()}};
    options.topology.system = {4711};
  });
  EXPECT_EQ(after.wait_for_exit(), 1);
  EXPECT_EQ(session.client.query("whoami").value(), "primary");
  EXPECT_EQ(who_answers(before.rw()), "primary");
  EXPECT_TRUE(before.wait_for_metric("pgsteer_sessions", rw_label, 1));
}

// The port of a new listener is somebody else's.
TEST_F(Upgrade, AProcessThatCannotStartIsRefused) {
  test_proxy before(cluster_.endpoints(), with_control());
  ASSERT_TRUE(before.wait_for_backends(1, 1));
  logged_in session(before.rw());
  EXPECT_THROW(test_proxy(before,
                          [this](config::config& options) {
                            options.runtime.listeners.push_back(options.runtime.listeners.front());
                            options.runtime.listeners.back().name = "taken";
                            options.runtime.listeners.back().bind = cluster_.primary().address();
                          }),
               std::runtime_error);
  EXPECT_EQ(session.client.query("whoami").value(), "primary");
  EXPECT_EQ(who_answers(before.rw()), "primary");
  // The one before is told so in the next moment, and until then nobody else can take over.
  std::unique_ptr<test_proxy> after;
  ASSERT_TRUE(eventually(patience, [&] {
    try {
      after = std::make_unique<test_proxy>(before, test_proxy::adjustment());
    } catch (const std::runtime_error&) {
    }
    return after != nullptr;
  }));
  wait_until_taken_over(before);
  EXPECT_EQ(session.client.query("whoami").value(), "primary") << "the next one is not";
}

TEST_F(Upgrade, WithNobodyThereItStartsAsUsual) {
  test_proxy before(cluster_.endpoints(), with_control());
  ASSERT_TRUE(before.wait_for_backends(1, 1));
  ASSERT_EQ(before.stop(), 0);
  test_proxy after(cluster_.endpoints(), with_control(), folder_.path() + "/control.sock");
  EXPECT_EQ(who_answers(after.rw()), "primary");
}

// Who leaves is no predecessor.
TEST_F(Upgrade, AProcessThatStopsHandsNothingOver) {
  test_proxy before(cluster_.endpoints(), with_control());
  ASSERT_TRUE(before.wait_for_backends(1, 1));
  logged_in session(before.rw());
  ASSERT_EQ(session.client.query("begin").status, 'T');
  before.request_stop();
  ASSERT_TRUE(eventually(patience, [&] { return before.admin_get("/readyz").status == 503; }));
  EXPECT_THROW(test_proxy(before, {}), std::runtime_error);
  EXPECT_EQ(session.client.query("commit").status, 'I');
}

TEST_F(Upgrade, NothingIsReloadedMeanwhile) {
  cluster_.primary().demote(1);
  test_proxy before(cluster_.endpoints(), with_control());
  ASSERT_TRUE(before.wait_for_backends(0, 2));
  fake_client held(before.rw());
  held.send(app_startup_message());
  ASSERT_TRUE(before.wait_for_metric("pgsteer_logins_held", rw_label, 1));
  test_proxy after(before, {});
  ASSERT_TRUE(eventually(patience, [&] { return after.admin_get("/api/v1/topology").status == 200; }));
  EXPECT_EQ(before.reload([](config::config& options) { options.workers = 2; }).what,
            admin::reload_report::outcome::impossible);
  cluster_.primary().promote(2);
  EXPECT_TRUE(held.read_login().is_logged_in);
  wait_until_taken_over(before);
  EXPECT_TRUE(eventually(patience, [&] {
    return after.reload([](config::config& options) { options.drain_grace = seconds{1}; }).what ==
           admin::reload_report::outcome::applied;
  }));
}

}  // namespace
}  // namespace pgsteer::test
