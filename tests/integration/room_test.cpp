// Logins that were held go on only while the primary has connections free; the fake counts its sessions.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "support/fake_client.hpp"
#include "support/test_proxy.hpp"

namespace pgsteer::test {
namespace {

// Of these, three are reserved and one is the probe's.
void have_connections(fake_postgres& backend, int free_at_first) {
  backend.change([free_at_first](fake_settings& settings) {
    settings.role.max_connections = settings.role.superuser_reserved_connections + 1 + free_at_first;
  });
}

// So many logins, every other one encrypted, are held until it is promoted.
class Room : public testing::Test {
 protected:
  void hold(int logins, const test_proxy::adjustment& adjust = {}) {
    backend_.change([](fake_settings& settings) { settings.tls = encryption_answer::yes; });
    proxy_ = std::make_unique<test_proxy>(std::vector{backend_.address()}, adjust);
    ASSERT_TRUE(proxy_->wait_for_backends(0, 1));
    for (int i = 0; i < logins; ++i) {
      clients_.emplace_back(proxy_->rw());
      clients_.back().send(i % 2 == 0 ? app_startup_message() : wire::ssl_request());
      ASSERT_TRUE(proxy_->wait_for_metric("pgsteer_logins_held", rw_label, i + 1));
    }
  }
  bool has_come_through(int i) {
    fake_client& client = clients_.at(static_cast<std::size_t>(i));
    return i % 2 == 0 ? client.read_login().is_logged_in : client.read_exactly(1).bytes == "S";
  }
  [[nodiscard]] bool wait_for_waiting(double n) const {
    return proxy_->wait_for_metric("pgsteer_backend_dials_waiting", {}, n);
  }

  fake_postgres backend_{"late", standby_role()};
  std::unique_ptr<test_proxy> proxy_;
  std::vector<fake_client> clients_;
};

// A failover before a full application: as many as there is room for go on, in order, and nobody is refused
// that waits. The others do once there is room.
TEST_F(Room, HeldLoginsFillAPrimaryAndNoMore) {
  have_connections(backend_, 6);
  // The promotion is seen by the watch on it; and then it is asked because logins wait.
  hold(10, [](config::config& options) { options.probe.interval = beyond_patience; });
  backend_.promote(2);
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(has_come_through(i)) << i;
  EXPECT_TRUE(wait_for_waiting(4));
  EXPECT_TRUE(proxy_->wait_for_metric("pgsteer_backend_connections_free", {}, 0));
  EXPECT_EQ(proxy_->metric("pgsteer_logins_held", rw_label), 4);
  EXPECT_EQ(backend_.counters().session_connections, 6U);
  for (int i = 0; i < 6; ++i) clients_.at(static_cast<std::size_t>(i)).close();
  for (int i = 6; i < 10; ++i) ASSERT_TRUE(has_come_through(i)) << i;
  EXPECT_EQ(proxy_->metric("pgsteer_logins_released_total", rw_label), 10);
  EXPECT_EQ(proxy_->metric("pgsteer_login_retries_total", rw_label), 0);
}

// An administrator's, for which places are reserved; and what others take by themselves.
TEST_F(Room, ALoginThatWasNotHeldGoesToAFullPrimary) {
  have_connections(backend_, 0);
  hold(0);
  backend_.promote(2);
  ASSERT_TRUE(proxy_->wait_for_backends(1, 0));
  EXPECT_TRUE(proxy_->wait_for_metric("pgsteer_backend_connections_free", {}, 0));
  EXPECT_EQ(who_answers(proxy_->rw()), "late");
  EXPECT_EQ(proxy_->metric("pgsteer_logins_held_total", rw_label), 0);
}

// What the proxy counts is an estimate: in the end the primary is asked, and what it says is passed on.
TEST_F(Room, AFullPrimaryIsAskedAtHoldTimeout) {
  have_connections(backend_, 0);
  hold(2, [](config::config& options) {
    options.runtime.listeners.at(0).hold_timeout = seconds{2};
    options.runtime.login.connect_timeout = seconds{3};  // as long is waited for a dial at the least
  });
  backend_.set_session_logins({login_behaviour::error, "53300", "sorry, too many clients already"});
  backend_.promote(2);
  const login_outcome clear = clients_.at(0).read_login();
  EXPECT_EQ(clear.sqlstate, "53300");
  EXPECT_EQ(clear.message, "sorry, too many clients already");
  EXPECT_TRUE(has_come_through(1)) << "encrypted: what it is told is the primary's affair";
  EXPECT_EQ(backend_.counters().session_connections, 2U);
}

// With a larger max_connections, say.
TEST_F(Room, WhoWaitsForRoomGoesOnAfterARestart) {
  have_connections(backend_, 0);
  hold(4);
  backend_.promote(2);
  ASSERT_TRUE(wait_for_waiting(4));
  backend_.crash();
  ASSERT_TRUE(wait_for_waiting(0));
  have_connections(backend_, 20);
  backend_.listen_again();
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(has_come_through(i)) << i;
}

}  // namespace
}  // namespace pgsteer::test
