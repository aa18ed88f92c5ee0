// A reload of a whole proxy: on one worker, which accepts itself, and on two.
#include <gtest/gtest.h>

#include "support/eventually.hpp"
#include "support/fake_client.hpp"
#include "support/test_proxy.hpp"

namespace pgsteer::test {
namespace {

using outcome = admin::reload_report::outcome;

class Reload : public ::testing::TestWithParam<unsigned> {
 protected:
  test_proxy::adjustment with_workers() {
    return [](config::config& options) { options.workers = GetParam(); };
  }
  static runtime::listener_options& named(config::config& options, std::string_view name) {
    return *std::ranges::find(options.runtime.listeners, name, &runtime::listener_options::name);
  }

  fake_cluster cluster_{1};
  test_proxy proxy_{cluster_.endpoints(), with_workers()};
};

TEST_P(Reload, WithoutAChangeChangesNothing) {
  ASSERT_TRUE(proxy_.wait_for_backends(1, 1));
  fake_client session(proxy_.rw());
  ASSERT_TRUE(session.startup().is_logged_in);
  const auto report = proxy_.reload([](config::config&) {});
  EXPECT_EQ(report.what, outcome::applied);
  EXPECT_TRUE(report.restart_keys.empty());
  EXPECT_EQ(proxy_.metric("pgsteer_config_reloads_total", {{"result", "applied"}}), 1);
  EXPECT_EQ(session.query("whoami").value(), "primary");
  EXPECT_EQ(who_answers(proxy_.rw()), "primary");
}

// The session goes by its listener's last options until it is over; then the counters go too.
TEST_P(Reload, ASessionOutlivesItsListener) {
  ASSERT_TRUE(proxy_.wait_for_backends(1, 1));
  fake_client session(proxy_.ro());
  ASSERT_TRUE(session.startup().is_logged_in);
  const endpoint before = proxy_.ro();
  const auto report = proxy_.reload(
      [](config::config& options) { std::erase(options.runtime.listeners, named(options, "ro")); });
  ASSERT_EQ(report.what, outcome::applied);
  EXPECT_FALSE(fake_client(before).is_open());
  EXPECT_EQ(session.query("whoami").value(), "standby-1");
  EXPECT_EQ(proxy_.metric("pgsteer_sessions", ro_label), 1);
  session.close();
  EXPECT_TRUE(eventually(patience, [&] {
    return proxy_.admin_get("/metrics").body.find("listener=\"ro\"") == std::string::npos;
  }));
}

// Its place is taken by another listener, and back again under its old name.
TEST_P(Reload, ListenersComeAndGo) {
  ASSERT_TRUE(proxy_.wait_for_backends(1, 1));
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(proxy_.reload([](config::config& options) { named(options, "ro").name = "reports"; }).what,
              outcome::applied);
    EXPECT_EQ(who_answers(proxy_.address_of("reports")), "standby-1");
    ASSERT_EQ(proxy_.reload([](config::config& options) { named(options, "reports").name = "ro"; }).what,
              outcome::applied);
    EXPECT_EQ(who_answers(proxy_.ro()), "standby-1");
    EXPECT_EQ(who_answers(proxy_.rw()), "primary");
  }
}

// Removed and wanted back in the next moment, while it still takes whoever was about to connect.
TEST_P(Reload, APortIsFreeAgainAtOnce) {
  ASSERT_TRUE(proxy_.wait_for_backends(1, 1));
  const endpoint ro = proxy_.ro();
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(proxy_
                  .reload([](config::config& options) {
                    std::erase(options.runtime.listeners, named(options, "ro"));
                  })
                  .what,
              outcome::applied);
    const auto report = proxy_.reload([&](config::config& options) {
      runtime::listener_options again = options.runtime.listeners.front();
      again.name = "ro";
      again.bind = ro;
      again.policy.route = routing::target_session_attrs::prefer_standby;
      options.runtime.listeners.push_back(again);
    });
    ASSERT_EQ(report.what, outcome::applied) << report.problems.front();
    EXPECT_EQ(who_answers(ro), "standby-1");
  }
}

TEST_P(Reload, AHeldLoginGoesByTheNewRoute) {
  ASSERT_TRUE(proxy_.wait_for_backends(1, 1));
  cluster_.primary().crash();
  fake_client waiting(proxy_.rw());
  waiting.send(app_startup_message());
  ASSERT_TRUE(proxy_.wait_for_metric("pgsteer_logins_held", rw_label, 1));
  ASSERT_EQ(proxy_
                .reload([](config::config& options) {
                  named(options, "rw").policy.route = routing::target_session_attrs::standby;
                })
                .what,
            outcome::applied);
  ASSERT_TRUE(waiting.read_login().is_logged_in);
  EXPECT_EQ(waiting.query("whoami").value(), "standby-1");
}

// All or nothing.
TEST_P(Reload, APortThatIsTakenChangesNothing) {
  ASSERT_TRUE(proxy_.wait_for_backends(1, 1));
  const auto report = proxy_.reload([&](config::config& options) {
    named(options, "ro").name = "reports";
    options.runtime.limits.sessions_max = 1;
    options.admin.bind = cluster_.primary().address();
  });
  EXPECT_EQ(report.what, outcome::impossible);
  ASSERT_EQ(report.problems.size(), 1U);
  EXPECT_EQ(report.problems.front(), "admin: cannot listen on " + to_string(cluster_.primary().address()) +
                                         ": Address already in use");
  fake_client one(proxy_.ro());
  fake_client two(proxy_.ro());
  EXPECT_TRUE(one.startup().is_logged_in);
  EXPECT_TRUE(two.startup().is_logged_in);
  EXPECT_EQ(proxy_.metric("pgsteer_config_reloads_total", {{"result", "impossible"}}), 1);
  EXPECT_EQ(proxy_.metric("pgsteer_config_last_reload_successful"), 0);
  EXPECT_EQ(proxy_.metric("pgsteer_config_last_reload_success_timestamp_seconds"),
            proxy_.metric("pgsteer_start_time_seconds"));
}

// It ends with the configuration that it has, and nobody needs to be told that this one failed.
TEST_P(Reload, WhileItStopsNothingIsTakenInAndNothingCounted) {
  ASSERT_TRUE(proxy_.wait_for_backends(1, 1));
  fake_client session(proxy_.rw());
  ASSERT_TRUE(session.startup().is_logged_in);
  proxy_.request_stop();
  const auto report = proxy_.reload([](config::config&) {});
  EXPECT_EQ(report.what, outcome::impossible);
  EXPECT_EQ(report.problems, std::vector<std::string>{"pgsteer is stopping"});
  EXPECT_EQ(proxy_.metric("pgsteer_config_reloads_total"), 0);
  EXPECT_EQ(proxy_.metric("pgsteer_config_last_reload_successful"), 1);
}

TEST_P(Reload, LimitsAndEngineOptionsTakeEffectAtOnce) {
  ASSERT_TRUE(proxy_.wait_for_backends(1, 1));
  fake_client session(proxy_.rw());
  ASSERT_TRUE(session.startup().is_logged_in);
  ASSERT_EQ(proxy_
                .reload([](config::config& options) {
                  options.runtime.limits.sessions_max = 1;
                  options.relay.buffer_bytes = 4096;
                  options.relay.splice = relay::toggle::off;
                })
                .what,
            outcome::applied);
  EXPECT_EQ(who_answers(proxy_.rw()), "53300");
  EXPECT_EQ(session.query("whoami").value(), "primary");
}

INSTANTIATE_TEST_SUITE_P(Workers, Reload, ::testing::Values(1U, 2U), ::testing::PrintToStringParamName());

}  // namespace
}  // namespace pgsteer::test
