// The effective configuration as a file that says the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "pgsteer/config/config.hpp"
#include "unit/config/text_samples.hpp"

namespace pgsteer::config {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

void expect_same_after_a_round_trip(const std::string& text) {
  SCOPED_TRACE(text);
  const config first = load_text(text, "first.yaml");
  const std::string written = to_yaml(first);
  SCOPED_TRACE(written);
  const config second = load_text(written, "second.yaml");
  EXPECT_EQ(second.settings, first.settings);
  EXPECT_EQ(to_yaml(second), written);
  EXPECT_EQ(summary(second), summary(first));
  EXPECT_EQ(second.probe.user, first.probe.user);
  EXPECT_EQ(second.topology.settle, first.topology.settle);
  for (std::size_t i = 0; i < first.runtime.listeners.size(); ++i) {
    const auto& [name, bind, policy, hold_timeout] = second.runtime.listeners.at(i);
    EXPECT_EQ(name, first.runtime.listeners[i].name);
    EXPECT_EQ(bind, first.runtime.listeners[i].bind);
    EXPECT_EQ(policy.zone_imbalance_max, first.runtime.listeners[i].policy.zone_imbalance_max);
  }
}

TEST(ToYaml, NestsSectionsAndListsListeners) {
  const std::string written =
      to_yaml(load_text(minimal_and("  - { name: ro, bind: \"[::1]:0\", route: standby }\n"), "test.yaml"));
  EXPECT_THAT(written, StartsWith("cluster:\n"
                                  "  backends:\n"
                                  "    static:\n"
                                  "      addresses: [10.0.0.1:5432]\n"
                                  "      refresh: 2s\n"
                                  "  zone: auto\n"));
  EXPECT_THAT(written, HasSubstr("  sslkey: \"\"\n"
                                 "listeners:\n"
                                 "  - name: rw\n"
                                 "    bind: 127.0.0.1:0\n"
                                 "    route: primary\n"));
  EXPECT_THAT(written, HasSubstr("    hold_timeout: 10s\n"
                                 "  - name: ro\n"
                                 "    bind: \"[::1]:0\"\n"
                                 "    route: standby\n"));
  EXPECT_THAT(written, HasSubstr("    hold_timeout: 10s\n"
                                 "admin:\n"
                                 "  bind: 127.0.0.1:9464\n"
                                 "control:\n"
                                 "  socket: \"\"\n"
                                 "workers: auto\n"));
}

TEST(ToYaml, ReadsBackToTheSame) {
  const std::string listener = "listeners: [{ name: rw, bind: \"127.0.0.1:0\", route: primary }]\n";
  for (const std::string source :
       {"static: [a, { address: b, zone: \"1\" }, { address: \"[::1]:1\", zone: a.b }]",
        "dns: { name: pg.db }", "kubernetes: { cnpg_cluster: pg, zone_services: [pg-r] }",
        "kubernetes: { label_selector: \"app in (a, b),c!=d\", namespace: \"0\", token_file: \"/a #b\" }"})
    expect_same_after_a_round_trip("cluster: { backends: { " + source + " } }\n" + listener);
  for (const std::string zone : {"auto", "off", "east", "\"12\""})
    expect_same_after_a_round_trip("cluster: { backends: { static: [a] }, zone: " + zone + " }\n" + listener);
  for (const std::string settle : {"auto", "off", "10ms", "9s"})
    expect_same_after_a_round_trip(minimal_and("failover: { settle: " + settle + " }\n"));
  for (const std::string lag : {"none", "16MiB", "1500ms", "[1s, 0B]"}) {
    expect_same_after_a_round_trip(minimal_and(
        "  - { name: \"1\", bind: \"127.0.0.1:0\", route: standby, max_replay_lag: " + lag + " }\n"));
  }
  expect_same_after_a_round_trip(
      minimal_and("workers: 2\nrelay: { engine: epoll, spin: on, splice: off }\nlimits: { sessions: 50 }\n"
                  "log: { format: json }\n"));
}

TEST(ToYaml, QuotesWhatNeedsIt) {
  for (const std::string user : {"yes", "null", "~", "a: b", "#x", "a #b", "12", "- a", "Zürich", "{a}",
                                 "a\\\\b", "say \\\"a\\\"", " a ", "%a", "$", "\xff"}) {
    const std::string text = minimal_and("probe: { user: \"" + user + "\", sslkey: \"/" + user + "\" }\n");
    expect_same_after_a_round_trip(text);
    EXPECT_THAT(to_yaml(load_text(text, "test.yaml")), HasSubstr("  user: \"" + user + "\"\n"));
  }
}

TEST(ToYaml, HoldsValuesInsteadOfVariables) {
  const environment variables = [](const std::string& name) { return std::optional("${" + name + "}"); };
  const config read =
      load_text(minimal_and("probe: { user: \"${A}\", database: \"$${A}$\" }\n"), "f", variables);
  EXPECT_EQ(read.probe.user, "${A}");
  EXPECT_EQ(read.probe.database, "${A}$");
  const std::string written = to_yaml(read);
  EXPECT_THAT(written, HasSubstr("  user: \"$${A}\"\n"));
  EXPECT_EQ(load_text(written, "f").probe.user, "${A}");
  expect_same_after_a_round_trip(written);
}

TEST(ToYaml, TakesAsMuchAsAFileMayHold) {
  std::string addresses;
  for (int i = 0; i < 256; ++i)
    addresses += (i == 0 ? "" : ", ") + ("pg-" + std::to_string(i)) + ".db.example";
  std::string text = "cluster: { backends: { static: [" + addresses + "] } }\nlisteners:\n";
  for (int i = 0; i < 64; ++i)
    text += "  - { name: l" + std::to_string(i) + ", bind: \"127.0.0.1:0\", route: any }\n";
  expect_same_after_a_round_trip(text);
}

}  // namespace
}  // namespace pgsteer::config
