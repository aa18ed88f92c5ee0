// What sessions tell of their backend, and how often the backends are asked for it. The schedule of the
// probes is a year away, so every question has its reason here.
#include <gtest/gtest.h>

#include "support/fake_client.hpp"
#include "support/test_proxy.hpp"

namespace pgsteer::test {
namespace {

class Signs : public testing::Test {
 protected:
  Signs() {
    proxy_.emplace(cluster_.endpoints(), [](config::config& options) {
      options.probe.interval = options.probe.login_interval = std::chrono::hours{24 * 365};
      options.probe.primary_login_interval = options.probe.watch_interval = options.probe.interval;
      options.probe.timeout = options.probe.late_after = seconds{30};
      options.topology.role_ttl = std::chrono::hours{2 * 24 * 365};
    });
    EXPECT_TRUE(proxy_->wait_for_backends(1, 1));
  }
  [[nodiscard]] std::uint64_t questions(fake_postgres& backend) { return backend.counters().role_queries; }
  [[nodiscard]] fake_client logged_in() {
    fake_client client(proxy_->rw());
    EXPECT_TRUE(client.startup().is_logged_in);
    return client;
  }
  void lose(fake_client& client) {
    client.send(wire::query("reset"));
    EXPECT_EQ(client.read_until_end().end, stream_end::reset);
    EXPECT_TRUE(proxy_->wait_for_closed("rw", "backend_lost", 1));
  }

  fake_cluster cluster_{1};
  std::optional<test_proxy> proxy_;
};

// One burst would be 200 questions to each. A login that is slow on a busy machine is one more to the
// primary.
TEST_F(Signs, ALostSessionThatTheProbeContradictsIsNoReasonToAskAgainAndAgain) {
  const std::uint64_t primary_before = questions(cluster_.primary());
  const std::uint64_t standby_before = questions(cluster_.standby(1));
  fake_client lost = logged_in();
  lose(lost);
  ASSERT_TRUE(eventually(patience, [&] { return questions(cluster_.primary()) > primary_before; }));
  EXPECT_TRUE(stays_true(milliseconds{300}, [&] {
    return questions(cluster_.primary()) <= primary_before + 10 &&
           questions(cluster_.standby(1)) == standby_before;
  }));
  EXPECT_EQ(who_answers(proxy_->rw()), "primary");
}

// Nothing but the lost session tells that the roles have changed.
TEST_F(Signs, ALostSessionThatTheProbeConfirmsHasEveryBackendAskedUntilThereIsAPrimary) {
  fake_client lost = logged_in();
  const std::uint64_t standby_before = questions(cluster_.standby(1));
  cluster_.primary().demote(1);
  lose(lost);
  EXPECT_TRUE(eventually(patience, [&] { return questions(cluster_.standby(1)) >= standby_before + 3; }));
  cluster_.standby(1).promote(2);
  EXPECT_TRUE(proxy_->wait_for_primary(cluster_.standby(1).address()));
  EXPECT_EQ(who_answers(proxy_->rw()), "standby-1");
}

}  // namespace
}  // namespace pgsteer::test
