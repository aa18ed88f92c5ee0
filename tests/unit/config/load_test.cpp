// What valid files become.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pgsteer/config/config.hpp"
#include "unit/config/text_samples.hpp"

namespace pgsteer::config {
namespace {

config load(const std::string& text) {
  return load_text(text, "test.yaml");
}

TEST(Load, ReadsTheInterfaceOfTheManual) {
  const config read = load(R"(
cluster:
  backends:
    static: ["10.0.0.1:5432", "pg-2.example", "[2001:db8::3]:5433"]
  system_identifier: 7711374223114453103
probe:
  { user: asker, password_file: /etc/pgsteer/probe.password, database: app, interval: 400ms,
    burst_interval: 10ms, timeout: 200ms }
listeners:
  - { name: rw, bind: "0.0.0.0:5432", route: primary, hold_timeout: 12s }
  - { name: ro, bind: "[::1]:5433", route: prefer-standby, balance: least-sessions, max_replay_lag: 16MiB }
admin: { bind: "127.0.0.1:9000" }
workers: 3
relay: { engine: epoll }
log: { level: debug, format: json }
)");
  const auto& source = std::get<discovery::static_options>(read.discovery);
  EXPECT_EQ(source.backends,
            (std::vector<endpoint>{{"10.0.0.1", 5432}, {"pg-2.example", 5432}, {"2001:db8::3", 5433}}));
  EXPECT_EQ(read.topology.system.value, 7711374223114453103U);
  EXPECT_EQ(read.probe.user, "asker");
  EXPECT_EQ(read.probe.password_file, "/etc/pgsteer/probe.password");
  EXPECT_EQ(read.probe.database, "app");
  EXPECT_EQ(read.probe.interval, milliseconds{400});
  EXPECT_EQ(read.probe.burst_interval, milliseconds{10});
  EXPECT_EQ(read.probe.timeout, milliseconds{200});
  ASSERT_EQ(read.runtime.listeners.size(), 2U);
  EXPECT_EQ(read.runtime.listeners[0].name, "rw");
  EXPECT_EQ(read.runtime.listeners[0].bind, (endpoint{"0.0.0.0", 5432}));
  EXPECT_EQ(read.runtime.listeners[0].policy.route, routing::target_session_attrs::primary);
  EXPECT_EQ(read.runtime.listeners[0].hold_timeout, seconds{12});
  EXPECT_EQ(read.runtime.listeners[1].bind, (endpoint{"::1", 5433}));
  EXPECT_EQ(read.runtime.listeners[1].policy.route, routing::target_session_attrs::prefer_standby);
  EXPECT_EQ(read.runtime.listeners[1].policy.balance, routing::balance::least_sessions);
  EXPECT_EQ(read.runtime.listeners[1].policy.replay_lag_bytes_max, 16U << 20U);
  EXPECT_FALSE(read.runtime.listeners[1].policy.replay_delay_max);
  EXPECT_EQ(read.admin.bind, (endpoint{"127.0.0.1", 9000}));
  EXPECT_EQ(read.workers, 3U);
  EXPECT_EQ(read.relay.engine, relay::engine_choice::epoll);
  EXPECT_EQ(read.log.level, log_level::debug);
  EXPECT_EQ(read.log.format, log_format::json);
}

TEST(Load, ReadsBackendsFromDns) {
  const config read = load(
      "cluster: { backends: { dns: { name: pg.db.svc.cluster.local, port: 5433, refresh: 5s } } }\n"
      "listeners: [{ name: rw, bind: \"127.0.0.1:0\", route: primary }]\n");
  const auto& source = std::get<discovery::dns_options>(read.discovery);
  EXPECT_EQ(source.name, "pg.db.svc.cluster.local");
  EXPECT_EQ(source.port, 5433);
  EXPECT_EQ(source.refresh, seconds{5});
}

TEST(Load, ReadsPodsOfKubernetes) {
  const auto source_of = [](const std::string& keys) {
    return std::get<discovery::kubernetes_options>(
        load("cluster: { backends: { kubernetes: { " + keys + " } } }\n" +
             "listeners: [{ name: rw, bind: \"127.0.0.1:0\", route: primary }]\n")
            .discovery);
  };
  const auto by_label = source_of(
      "namespace: db, label_selector: \"app in (pg, pg-2),tier!=test\", port: 5433, token_file: /t, "
      "ca_file: /ca, api_server: \"https://[fd00::1]:6443\"");
  EXPECT_EQ(by_label.pod_namespace, "db");
  EXPECT_EQ(selector_of(by_label), "app in (pg, pg-2),tier!=test");
  EXPECT_EQ(by_label.port, 5433);
  EXPECT_EQ(source_of("cnpg_cluster: pg, zone_services: [pg-r, pgsteer]").zone_services,
            (std::vector<std::string>{"pg-r", "pgsteer"}));
  EXPECT_EQ(by_label.token_file, "/t");
  EXPECT_EQ(by_label.ca_file, "/ca");
  EXPECT_EQ(by_label.api_server, "https://[fd00::1]:6443");
  EXPECT_EQ(to_string(by_label), "kubernetes pods app in (pg, pg-2),tier!=test in db, port 5433");

  const auto by_name = source_of("cnpg_cluster: pg");
  EXPECT_EQ(selector_of(by_name), "cnpg.io/cluster=pg,cnpg.io/podRole=instance");
  EXPECT_EQ(by_name.port, 5432);
  EXPECT_TRUE(are_valid(by_name));
  EXPECT_EQ(
      to_string(by_name),
      "kubernetes pods cnpg.io/cluster=pg,cnpg.io/podRole=instance in the pod's own namespace, port 5432");
}

TEST(Load, ReadsTheLongFormOfStatic) {
  const config read = load(
      "cluster: { backends: { static: { addresses: [pg-1, pg-2], refresh: 10s } } }\n"
      "listeners: [{ name: rw, bind: \"127.0.0.1:0\", route: primary }]\n");
  const auto& source = std::get<discovery::static_options>(read.discovery);
  EXPECT_EQ(source.backends.size(), 2U);
  EXPECT_EQ(source.refresh, seconds{10});
}

TEST(Load, ReadsZones) {
  const auto own_of = [](const std::string& value) {
    return load("cluster: { backends: { static: [pg-1] }, zone: " + value +
                " }\nlisteners: [{ name: rw, bind: \"127.0.0.1:0\", route: primary }]\n")
        .zone;
  };
  EXPECT_EQ(own_of("auto"), std::nullopt);
  EXPECT_EQ(own_of("off"), "");
  EXPECT_EQ(own_of("eu-west_1.A"), "eu-west_1.A");
  EXPECT_EQ(own_of("\"1\""), "1");

  const config read = load(
      "cluster: { backends: { static: [pg-1, { address: pg-2, zone: east }, { zone: west, address: "
      "\"[::1]:5433\" }] } }\n"
      "listeners:\n"
      "  - { name: a, bind: \"127.0.0.1:0\", route: standby }\n"
      "  - { name: b, bind: \"127.0.0.1:0\", route: any, zone_imbalance_max: 1000 }\n"
      "  - { name: c, bind: \"127.0.0.1:0\", route: prefer-standby, zone_imbalance_max: none }\n");
  const auto& source = std::get<discovery::static_options>(read.discovery);
  EXPECT_EQ(source.backends, (std::vector<endpoint>{{"pg-1", 5432}, {"pg-2", 5432}, {"::1", 5433}}));
  EXPECT_EQ(source.zones,
            (std::map<endpoint, std::string>{{{"pg-2", 5432}, "east"}, {{"::1", 5433}, "west"}}));
  const auto imbalance = [&](std::size_t i) { return read.runtime.listeners[i].policy.zone_imbalance_max; };
  EXPECT_EQ(imbalance(0), 2U);
  EXPECT_EQ(imbalance(1), 1000U);
  EXPECT_EQ(imbalance(2), std::nullopt);
}

TEST(Summary, NamesZones) {
  const config read = load(
      "cluster: { backends: { static: [pg-1, { address: pg-2, zone: east }] }, zone: west }\n"
      "listeners: [{ name: rw, bind: \"127.0.0.1:0\", route: primary }]\n");
  EXPECT_THAT(summary(read),
              testing::StartsWith("  backends  static pg-1:5432 pg-2:5432 (east)\n  zone      west\n"));
}

TEST(Load, KeepsDefaultsOfAbsentKeys) {
  const config read = load(minimal_text);
  EXPECT_EQ(read.probe.user, probe::probe_options{}.user);
  EXPECT_EQ(read.workers, 0U);
  EXPECT_EQ(read.drain_timeout, seconds{30});
  EXPECT_EQ(read.topology.system.value, 0U);
}

TEST(Load, ReadsBothBoundsOfReplayLagInAnyOrder) {
  for (const std::string lag : {"[16MiB, 10s]", "[10s, 16MiB]"}) {
    SCOPED_TRACE(lag);
    const config read = load(minimal_and(
        "  - { name: ro, bind: \"127.0.0.1:0\", route: standby, max_replay_lag: " + lag + " }\n"));
    EXPECT_EQ(read.runtime.listeners.at(1).policy.replay_lag_bytes_max, 16U << 20U);
    EXPECT_EQ(read.runtime.listeners.at(1).policy.replay_delay_max, seconds{10});
  }
}

TEST(Load, TakesEveryRouteWord) {
  using routing::target_session_attrs;
  const std::vector<std::pair<std::string, target_session_attrs>> cases{
      {"any", target_session_attrs::any},
      {"read-write", target_session_attrs::read_write},
      {"read-only", target_session_attrs::read_only},
      {"primary", target_session_attrs::primary},
      {"standby", target_session_attrs::standby},
      {"prefer-standby", target_session_attrs::prefer_standby}};
  for (const auto& [word, expected] : cases) {
    SCOPED_TRACE(word);
    const config read =
        load(minimal_and("  - { name: other, bind: \"127.0.0.1:0\", route: " + word + " }\n"));
    EXPECT_EQ(read.runtime.listeners.at(1).policy.route, expected);
  }
}

TEST(Load, SettlesByItselfNeverOrForATime) {
  const std::vector<std::pair<std::string, std::optional<duration>>> cases{
      {"auto", std::nullopt}, {"off", duration::zero()}, {"10ms", milliseconds{10}}, {"9s", seconds{9}}};
  for (const auto& [word, expected] : cases) {
    SCOPED_TRACE(word);
    EXPECT_EQ(load(minimal_and("failover: { settle: " + word + " }\n")).topology.settle, expected);
  }
  EXPECT_EQ(load(minimal_text).topology.settle, std::nullopt);
}

// A switchover that does not come fails nobody.
TEST(Load, HoldsForAnAnnouncedSwitchoverForHalfOfHoldTimeoutAtMost) {
  const auto hold = [](const std::string& listener) {
    return load(minimal_and("  - { name: other, bind: \"127.0.0.1:0\", " + listener + " }\n"))
        .topology.switchover_hold;
  };
  EXPECT_EQ(hold("route: primary"), seconds{5});
  EXPECT_EQ(hold("route: primary, hold_timeout: 3s"), milliseconds{1500});
  EXPECT_EQ(hold("route: standby, hold_timeout: 3s"), seconds{5});
}

// Nor does a promotion that takes all the time it may.
TEST(Load, SettlesByItselfForHalfOfHoldTimeoutAtMost) {
  const auto settle = [](const std::string& hold_timeout) {
    return load(minimal_and("  - { name: other, bind: \"127.0.0.1:0\", route: primary, hold_timeout: " +
                            hold_timeout + " }\n"))
        .topology.cnpg_settle;
  };
  EXPECT_EQ(settle("10s"), milliseconds{1500});
  EXPECT_EQ(settle("1s"), milliseconds{500});
  EXPECT_EQ(settle("0s"), duration::zero());
}

TEST(Load, KnowsThatBackendsAreACnpgCluster) {
  const auto is_cnpg = [](const std::string& pods) {
    return load("cluster: { backends: { kubernetes: { " + pods +
                " } } }\n"
                "listeners: [{ name: rw, bind: \"127.0.0.1:0\", route: primary }]\n")
        .topology.is_cnpg_cluster;
  };
  EXPECT_TRUE(is_cnpg("cnpg_cluster: pg"));
  EXPECT_FALSE(is_cnpg("label_selector: \"cnpg.io/cluster=pg\""));
}

TEST(Load, LowersUnsetLimitsToThoseAbove) {
  const config read = load(minimal_and("limits: { sessions: 50 }\n"));
  EXPECT_EQ(read.runtime.limits.sessions_max, 50U);
  EXPECT_EQ(read.runtime.limits.pending_logins_max, 50U);
  EXPECT_EQ(read.runtime.limits.held_logins_max, 50U);
}

TEST(Load, AllowsOnePortOnDifferentAddresses) {
  const config read = load(
      "cluster: { backends: { static: [a] } }\n"
      "listeners:\n"
      "  - { name: a, bind: \"127.0.0.1:5432\", route: primary }\n"
      "  - { name: b, bind: \"127.0.0.2:5432\", route: primary }\n"
      "  - { name: c, bind: \"[::1]:5432\", route: primary }\n");
  EXPECT_EQ(read.runtime.listeners.size(), 3U);
}

TEST(Load, UnderstandsAnchors) {
  const config read = load(
      "cluster: { backends: { static: [a] }, role_ttl: &long 20s, dead_after: *long }\n"
      "listeners: [{ name: rw, bind: \"127.0.0.1:0\", route: primary }]\n");
  EXPECT_EQ(read.topology.dead_after, seconds{20});
}

TEST(Summary, NamesWhatMatters) {
  const std::string text = summary(load(
      minimal_and("  - { name: ro, bind: \"127.0.0.1:0\", route: standby, max_replay_lag: [16MiB, 10s] }\n"
                  "workers: 2\n")));
  EXPECT_EQ(text,
            "  backends  static 10.0.0.1:5432\n"
            "  probe     pgsteer@postgres every 500ms\n"
            "  listener  rw on 127.0.0.1:0: primary, round-robin\n"
            "  listener  ro on 127.0.0.1:0: standby, round-robin, at most 16MiB behind, at most 10s behind\n"
            "  admin     127.0.0.1:9464\n"
            "  workers   2\n");
}

}  // namespace
}  // namespace pgsteer::config
