// The effective value of every key: what a person is shown, and what a configuration read anew is compared
// by.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "pgsteer/config/config.hpp"
#include "unit/config/text_samples.hpp"

namespace pgsteer::config {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Not;

std::vector<setting> settings_in(const std::string& text) {
  return load_text(text, "test.yaml").settings;
}

// Of one key; "absent" if there is none.
std::string setting_of(const std::string& text, const std::string& key) {
  const std::vector<setting> all = settings_in(text);
  EXPECT_LE(std::ranges::count(all, key, &setting::key), 1) << key;
  const auto found = std::ranges::find(all, key, &setting::key);
  return found == all.end() ? "absent" : found->value;
}

TEST(Settings, OfAMinimalFileAreTheDefaultsInTheReferencesOrder) {
  const std::vector<setting> expected{
      {"cluster.backends.static.addresses", "[10.0.0.1:5432]"},
      {"cluster.backends.static.refresh", "2s"},
      {"cluster.zone", "auto"},
      {"cluster.system_identifier", "auto"},
      {"cluster.state_dir", "\"\""},
      {"cluster.role_ttl", "3s"},
      {"cluster.dead_after", "30s"},
      {"cluster.smart_shutdown", "end-idle-sessions"},
      {"cluster.encrypted_idle_time", "1s"},
      {"failover.settle", "auto"},
      {"probe.user", "pgsteer"},
      {"probe.password_file", "\"\""},
      {"probe.passfile", "\"\""},
      {"probe.database", "postgres"},
      {"probe.interval", "500ms"},
      {"probe.burst_interval", "20ms"},
      {"probe.burst_time", "2s"},
      {"probe.timeout", "300ms"},
      {"probe.late_after", "100ms"},
      {"probe.login_interval", "10s"},
      {"probe.primary_login_interval", "1s"},
      {"probe.watch_interval", "25ms"},
      {"probe.sslmode", "prefer"},
      {"probe.sslrootcert", "\"\""},
      {"probe.sslcert", "\"\""},
      {"probe.sslkey", "\"\""},
      {"listeners[rw].name", "rw"},
      {"listeners[rw].bind", "127.0.0.1:0"},
      {"listeners[rw].route", "primary"},
      {"listeners[rw].balance", "round-robin"},
      {"listeners[rw].max_replay_lag", "none"},
      {"listeners[rw].zone_imbalance_max", "none"},
      {"listeners[rw].hold_timeout", "10s"},
      {"admin.bind", "127.0.0.1:9464"},
      {"control.socket", "\"\""},
      {"workers", "auto"},
      {"drain_timeout", "30s"},
      {"drain_grace", "0s"},
      {"reload_on_change", "auto"},
      {"relay.engine", "auto"},
      {"relay.buffer", "64KiB"},
      {"relay.reads_per_turn", "2"},
      {"relay.half_close_timeout", "30s"},
      {"relay.spin", "off"},
      {"relay.splice", "on"},
      {"limits.sessions", "10000"},
      {"limits.pending_logins", "1000"},
      {"limits.held_logins", "1000"},
      {"limits.concurrent_dials", "64"},
      {"limits.concurrent_cancels", "64"},
      {"limits.startup_timeout", "10s"},
      {"limits.connect_timeout", "1s"},
      {"limits.login_timeout", "1m"},
      {"limits.cancel_timeout", "2s"},
      {"tcp.keepalive_idle", "30s"},
      {"tcp.keepalive_interval", "10s"},
      {"tcp.keepalive_count", "3"},
      {"tcp.user_timeout", "1m"},
      {"log.level", "info"},
      {"log.format", "text"},
  };
  const std::vector<setting> all = settings_in(minimal_text);
  for (std::size_t i = 0; i < std::min(all.size(), expected.size()); ++i) {
    EXPECT_EQ(all[i].key, expected[i].key);
    EXPECT_EQ(all[i].value, expected[i].value) << all[i].key;
  }
  EXPECT_EQ(all.size(), expected.size());
}

TEST(Settings, HaveTheFilesValuesInOneWriting) {
  struct row {
    std::string extra;
    std::string key;
    std::string value;
  };
  const std::vector<row> rows{
      {"probe: { interval: 2000ms }\n", "probe.interval", "2s"},
      {"probe: { user: 'yes' }\n", "probe.user", "\"yes\""},
      {"probe: { password_file: \"/run/a b\" }\n", "probe.password_file", "\"/run/a b\""},
      {"probe: { sslmode: verify-full }\n", "probe.sslmode", "verify-full"},
      {"relay: { buffer: 1024KiB, engine: io_uring }\n", "relay.buffer", "1MiB"},
      {"relay: { buffer: 1024KiB, engine: io_uring }\n", "relay.engine", "io_uring"},
      {"tcp: { keepalive_idle: 1m, user_timeout: 0ms }\n", "tcp.keepalive_idle", "1m"},
      {"tcp: { keepalive_idle: 1m, user_timeout: 0ms }\n", "tcp.user_timeout", "0s"},
      {"log: { level: warning }\n", "log.level", "warning"},
      {"workers: 3\n", "workers", "3"},
      {"admin: { bind: \"[::1]:9000\" }\n", "admin.bind", "\"[::1]:9000\""},
      {"failover: { settle: off }\n", "failover.settle", "off"},
      {"failover: { settle: 1500ms }\n", "failover.settle", "1500ms"},
      {"failover: { settle: auto }\n", "failover.settle", "auto"},
      {"  - { name: b, bind: \"127.0.0.1:0\", route: any, zone_imbalance_max: none }\n",
       "listeners[b].zone_imbalance_max", "none"},
      {"  - { name: b, bind: \"127.0.0.1:0\", route: any }\n", "listeners[b].zone_imbalance_max", "2"},
      {"  - { name: b, bind: \"127.0.0.1:0\", route: any, balance: least-sessions }\n",
       "listeners[b].balance", "least-sessions"},
  };
  for (const row& each : rows)
    EXPECT_EQ(setting_of(minimal_and(each.extra), each.key), each.value) << each.extra;
}

TEST(Settings, HaveEachFormOfReplayLag) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"none", "none"}, {"16384KiB", "16MiB"}, {"0B", "0B"},
      {"10s", "10s"},   {"[16MiB]", "16MiB"},  {"[10s, 16MiB]", "[16MiB, 10s]"}};
  for (const auto& [lag, expected] : cases) {
    const std::string text =
        minimal_and("  - { name: ro, bind: \"127.0.0.1:0\", route: standby, max_replay_lag: " + lag + " }\n");
    EXPECT_EQ(setting_of(text, "listeners[ro].max_replay_lag"), expected);
  }
}

std::string with_cluster_keys(const std::string& keys) {
  return "cluster: { " + keys + " }\nlisteners: [{ name: rw, bind: \"127.0.0.1:0\", route: primary }]\n";
}

TEST(Settings, HaveEachFormOfZone) {
  const auto zone = [](const std::string& value) {
    return setting_of(with_cluster_keys("backends: { static: [a] }, zone: " + value), "cluster.zone");
  };
  EXPECT_EQ(zone("off"), "off");
  EXPECT_EQ(zone("auto"), "auto");
  EXPECT_EQ(zone("east"), "east");
  EXPECT_EQ(zone("\"1\""), "\"1\"");
  EXPECT_EQ(setting_of(with_cluster_keys("backends: { static: [a, { address: \"[::1]:1\", zone: \"1\" }] }"),
                       "cluster.backends.static.addresses"),
            "[a:5432, { address: \"[::1]:1\", zone: \"1\" }]");
}

TEST(Settings, AreThoseOfTheSourceInUse) {
  const auto of_source = [](const std::string& source) {
    std::vector<std::string> lines;
    for (const setting& each : settings_in(with_cluster_keys("backends: { " + source + " }"))) {
      const std::string prefix = "cluster.backends.";
      if (each.key.starts_with(prefix)) lines.push_back(each.key.substr(prefix.size()) + " " + each.value);
    }
    return lines;
  };
  EXPECT_THAT(of_source("static: { refresh: 5s, addresses: [a, b] }"),
              ElementsAre("static.addresses [a:5432, b:5432]", "static.refresh 5s"));
  EXPECT_THAT(of_source("dns: { name: pg.db }"),
              ElementsAre("dns.name pg.db", "dns.port 5432", "dns.refresh 2s"));
  EXPECT_THAT(of_source("kubernetes: { label_selector: \"app in (a, b)\", zone_services: [pg-r, no] }"),
              ElementsAre("kubernetes.namespace \"\"", "kubernetes.label_selector \"app in (a, b)\"",
                          "kubernetes.port 5432", "kubernetes.api_server \"\"", "kubernetes.token_file \"\"",
                          "kubernetes.ca_file \"\"", "kubernetes.zone_services [pg-r, \"no\"]"));
  EXPECT_THAT(of_source("kubernetes: { cnpg_cluster: pg }"),
              AllOf(Contains("kubernetes.cnpg_cluster pg"), Contains("kubernetes.zone_services []"),
                    Not(Contains(testing::StartsWith("kubernetes.label_selector")))));
}

// A limit that the file leaves out follows the one above it.
TEST(Settings, AreWhatIsInForceAfterAdjustments) {
  const std::string text = minimal_and("limits: { sessions: 50 }\n");
  EXPECT_EQ(setting_of(text, "limits.pending_logins"), "50");
  EXPECT_EQ(setting_of(text, "limits.held_logins"), "50");
}

// A name that looks like another listener's index.
TEST(Settings, NameListenersByNameOnly) {
  const std::string text =
      "cluster: { backends: { static: [a] } }\n"
      "listeners:\n"
      "  - { name: \"1\", bind: \"127.0.0.1:0\", route: primary, hold_timeout: 11s }\n"
      "  - { name: \"0\", bind: \"127.0.0.1:0\", route: primary, hold_timeout: 12s }\n";
  EXPECT_EQ(setting_of(text, "listeners[1].hold_timeout"), "11s");
  EXPECT_EQ(setting_of(text, "listeners[0].hold_timeout"), "12s");
  EXPECT_EQ(setting_of(text, "listeners[0].name"), "\"0\"");
}

}  // namespace
}  // namespace pgsteer::config
