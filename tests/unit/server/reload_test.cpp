// What of a new configuration has to wait for a new process.
#include "server/reload.hpp"

#include <gtest/gtest.h>

namespace pgsteer::server {
namespace {

TEST(KeepUntilRestart, NamesWhatDiffersAndSetsItBack) {
  config::config present;
  present.workers = 2;
  present.settings = {{"workers", "2"}, {"relay.engine", "auto"}};
  config::config next = present;
  EXPECT_TRUE(keep_until_restart(present, next).empty());
  next.workers = 4;
  next.relay.engine = relay::engine_choice::epoll;
  next.relay.buffer_bytes = 4096;
  next.settings = {{"workers", "4"}, {"relay.engine", "epoll"}};
  EXPECT_EQ(keep_until_restart(present, next), (std::vector<std::string>{"workers", "relay.engine"}));
  EXPECT_EQ(next.workers, 2U);
  EXPECT_EQ(next.relay.engine, relay::engine_choice::automatic);
  EXPECT_EQ(next.relay.buffer_bytes, 4096U);
  EXPECT_EQ(next.settings, present.settings);
}

// One that fails leaves the configuration of the one before in force, and its date.
TEST(CountReload, DatesTheConfigurationInForce) {
  using outcome = admin::reload_report::outcome;
  const auto report_of = [](outcome what) {
    admin::reload_report report;
    report.what = what;
    return report;
  };
  metrics::reload_counters counters{.last_applied_seconds = 1000};
  count_reload(report_of(outcome::applied), 1001, counters);
  EXPECT_TRUE(counters.is_last_applied);
  count_reload(report_of(outcome::invalid), 1002, counters);
  EXPECT_FALSE(counters.is_last_applied);
  count_reload(report_of(outcome::impossible), 1003, counters);
  EXPECT_FALSE(counters.is_last_applied);
  EXPECT_EQ(counters.last_applied_seconds, 1001);
  count_reload(report_of(outcome::applied), 1004, counters);
  EXPECT_TRUE(counters.is_last_applied);
  EXPECT_EQ(counters.last_applied_seconds, 1004);
  EXPECT_EQ(counters.applied, 2U);
  EXPECT_EQ(counters.invalid, 1U);
  EXPECT_EQ(counters.impossible, 1U);
}

TEST(ConfigInForce, SaysWhatTheHostDoesNotAllow) {
  config::config options;
  options.settings = {{"workers", "2"}};
  runtime::options fit = options.runtime;
  EXPECT_EQ(config_in_force(options, fit), "workers: 2\n");
  fit.limits.sessions_max = 7;
  EXPECT_EQ(
      config_in_force(options, fit),
      "# limits.sessions is 7 here: the limit of open files (ulimit -n) is too low for more\nworkers: 2\n");
}

}  // namespace
}  // namespace pgsteer::server
