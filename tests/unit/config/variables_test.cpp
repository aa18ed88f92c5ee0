// ${NAME} in values: what stands for it, and that it never is anything but a value.
#include "config/variables.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "config/load_document.hpp"
#include "unit/config/text_samples.hpp"

namespace pgsteer::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

std::optional<std::string> sample_variable(const std::string& name) {
  static const std::map<std::string, std::string> variables{
      {"USER", "asker"},    {"empty", ""},       {"_1", "one"},    {"TRICK", "a: b\nworkers: 3"},
      {"AGAIN", "${USER}"}, {"TIME", "2s"},      {"PORT", "1"},    {"NONE", "null"},
      {"A", "pg-1"},        {"B", "[::1]:5433"}, {"LAG", "16MiB"}, {"ON", "on"},
      {"LIST", "[a, b]"},   {"dollar", "$"}};
  const auto found = variables.find(name);
  return found == variables.end() ? std::nullopt : std::optional(found->second);
}

config load_sample(const std::string& text) {
  return load_text(text, "f", sample_variable);
}

std::vector<std::string> problems_with_variables(const std::string& text) {
  try {
    static_cast<void>(load_sample(text));
  } catch (const config_error& error) {
    return error.problems();
  }
  return {};
}

TEST(ReplaceVariables, PutsTheValueInItsPlace) {
  const std::vector<std::pair<std::string, std::string>> cases{{"", ""},
                                                               {"plain", "plain"},
                                                               {"${USER}", "asker"},
                                                               {"a-${USER}-b${_1}", "a-asker-bone"},
                                                               {"${empty}", ""},
                                                               {"a${empty}b", "ab"},
                                                               {"${USER}${USER}", "askerasker"},
                                                               {"${TRICK}", "a: b\nworkers: 3"}};
  for (const auto& [text, expected] : cases) {
    const replacement replaced = replace_variables(text, sample_variable);
    EXPECT_EQ(replaced.text, expected) << text;
    EXPECT_THAT(replaced.bad, IsEmpty()) << text;
  }
}

TEST(ReplaceVariables, LeavesOtherDollarsAlone) {
  const std::vector<std::pair<std::string, std::string>> cases{{"$", "$"},
                                                               {"a$", "a$"},
                                                               {"$USER", "$USER"},
                                                               {"$$", "$$"},
                                                               {"$$USER", "$$USER"},
                                                               {"$ {USER}", "$ {USER}"},
                                                               {"}{", "}{"},
                                                               {"$${USER}", "${USER}"},
                                                               {"$$${USER}", "$${USER}"},
                                                               {"$${", "${"},
                                                               {"$${${USER}}", "${asker}"}};
  for (const auto& [text, expected] : cases) {
    const replacement replaced = replace_variables(text, sample_variable);
    EXPECT_EQ(replaced.text, expected) << text;
    EXPECT_THAT(replaced.bad, IsEmpty()) << text;
  }
}

// A variable that holds ${USER} or $ and then {USER}.
TEST(ReplaceVariables, DoesNotLookIntoValues) {
  EXPECT_EQ(replace_variables("${AGAIN}", sample_variable).text, "${USER}");
  EXPECT_EQ(replace_variables("${dollar}{USER}", sample_variable).text, "${USER}");
}

TEST(ReplaceVariables, RefusesWhatIsNoVariable) {
  const environment any = [](const std::string&) { return std::optional<std::string>("set"); };
  for (const std::string text : {"${}", "${", "${A", "${1A}", "${A-b}", "${A:-b}", "${A B}", "${ A}",
                                 "${env:A}", "${A\n}", "${Ä}", "${${A}}"}) {
    EXPECT_EQ(replace_variables("x" + text + "y", any).bad.size(), 1U) << text;
  }
}

TEST(ReplaceVariables, NamesEachThatIsNotSet) {
  const replacement replaced = replace_variables("${x}:${USER}:${y}", sample_variable);
  ASSERT_EQ(replaced.bad.size(), 2U);
  EXPECT_EQ(replaced.bad[0].expected, "the environment variable x");
  EXPECT_EQ(replaced.bad[1].expected, "the environment variable y");
}

TEST(EscapeVariables, IsTheOtherWayRound) {
  for (const std::string text : {"", "$", "${", "$${", "$$${a}", "${a}$", "${${", "}"}) {
    const replacement replaced = replace_variables(escape_variables(text), sample_variable);
    EXPECT_EQ(replaced.text, text);
    EXPECT_THAT(replaced.bad, IsEmpty());
  }
}

TEST(Variables, StandInEveryKindOfValue) {
  const config read = load_sample(
      "cluster:\n"
      "  backends: { static: [ \"${A}\", '${B}', { address: \"${A}:${PORT}\", zone: \"z${PORT}\" } ] }\n"
      "  zone: ${A}\n"
      "failover: { settle: \"${TIME}\" }\n"
      "probe:\n"
      "  user: ${USER}\n"
      "  database: >-\n"
      "    ${USER}\n"
      "  passfile: ${empty}\n"
      "  sslkey: \"/\x24{USER}/${_1}\"\n"
      "  interval: ${TIME}\n"
      "listeners:\n"
      "  - name: ${USER}\n"
      "    bind: 127.0.0.1:${PORT}0\n"
      "    route: standby\n"
      "    max_replay_lag: [ \"${LAG}\", 1s ]\n"
      "workers: ${PORT}\n"
      "drain_timeout: ${TIME}\n"
      "relay:\n"
      "  buffer: ${PORT}MiB\n"
      "  spin: ${ON}\n");
  const auto& source = std::get<discovery::static_options>(read.discovery);
  EXPECT_EQ(source.backends, (std::vector<endpoint>{{"pg-1", 5432}, {"::1", 5433}, {"pg-1", 1}}));
  EXPECT_EQ(source.zones.at({"pg-1", 1}), "z1");
  EXPECT_EQ(read.zone, "pg-1");
  EXPECT_EQ(read.topology.settle, seconds{2});
  EXPECT_EQ(read.probe.user, "asker");
  EXPECT_EQ(read.probe.database, "asker");
  EXPECT_EQ(read.probe.passfile, "");
  EXPECT_EQ(read.probe.sslkey, "/asker/one");
  EXPECT_EQ(read.probe.interval, seconds{2});
  const runtime::listener_options& listener = read.runtime.listeners.at(0);
  EXPECT_EQ(listener.name, "asker");
  EXPECT_EQ(listener.bind, (endpoint{"127.0.0.1", 10}));
  EXPECT_EQ(listener.policy.replay_lag_bytes_max, 16U << 20U);
  EXPECT_EQ(read.workers, 1U);
  EXPECT_EQ(read.drain_timeout, seconds{2});
  EXPECT_EQ(read.relay.buffer_bytes, 1U << 20U);
  EXPECT_EQ(read.relay.spin, relay::toggle::on);
  EXPECT_THAT(read.settings, testing::Contains(setting{"probe.user", "asker"}));
}

TEST(Variables, StandInOtherSources) {
  const auto source_of = [](const std::string& source) {
    return load_sample("cluster: { backends: { " + source +
                       " } }\nlisteners: [{ name: rw, bind: \"127.0.0.1:0\", route: primary }]\n")
        .discovery;
  };
  EXPECT_EQ(std::get<discovery::dns_options>(source_of("dns: { name: \"${A}.db\", port: \"${PORT}\" }")).name,
            "pg-1.db");
  const auto pods = std::get<discovery::kubernetes_options>(source_of(
      "kubernetes: { cnpg_cluster: \"${A}\", zone_services: [\"${A}-r\"], token_file: \"/${A}\" }"));
  EXPECT_EQ(pods.cnpg_cluster, "pg-1");
  EXPECT_THAT(pods.zone_services, ElementsAre("pg-1-r"));
  EXPECT_EQ(pods.token_file, "/pg-1");
}

TEST(Variables, AreReplacedOnceWhereAnAliasRepeatsThem) {
  const config read =
      load_sample(minimal_and("probe: { user: &name \"$${USER}\", database: *name, sslkey: &key \"${USER}\", "
                              "sslcert: *key }\n"));
  EXPECT_EQ(read.probe.user, "${USER}");
  EXPECT_EQ(read.probe.database, "${USER}");
  EXPECT_EQ(read.probe.sslkey, "asker");
  EXPECT_EQ(read.probe.sslcert, "asker");
}

// What looks like keys, a list, an alias or nothing is text.
TEST(Variables, AreNeverYaml) {
  EXPECT_THAT(
      problems_with_variables(minimal_and("probe:\n  user: ${TRICK}\n")),
      ElementsAre("f:5:9: probe.user: expected a name of 1 to 63 bytes, found \"a: b\\x0aworkers: 3\""));
  EXPECT_EQ(load_sample(minimal_and("probe:\n  user: ${NONE}\n")).probe.user, "null");
  EXPECT_THAT(problems_with_variables("cluster: { backends: { static: \"${LIST}\" } }\n"
                                      "listeners: [{ name: rw, bind: \"127.0.0.1:0\", route: primary }]\n"),
              ElementsAre(testing::EndsWith("found \"[a, b]\"")));
}

TEST(Variables, AreNotReplacedInKeys) {
  EXPECT_THAT(problems_with_variables(minimal_and("\"${USER}\": 1\n? [\"${USER}\", \"${x}\"]\n: \"${A}\"\n")),
              ElementsAre(StartsWith("f:4:1: ${USER}: expected one of the keys"),
                          "f:5:3: expected a word as key, found a list"));
}

TEST(Variables, ThatAreNotSetAreNamedWithTheirPlace) {
  EXPECT_THAT(
      problems_with_variables(
          "cluster:\n"
          "  backends: { static: [ \"${A}\", \"${x}\", { address: \"${x}\", zone: \"${x}\" } ] }\n"
          "listeners:\n"
          "  - { name: \"${x}\", bind: \"${x}\", route: primary, hold_timeout: \"${x}\" }\n"
          "  - { name: ro, bind: \"127.0.0.1:0\", route: standby, max_replay_lag: [ \"${x}\" ] }\n"
          "probe:\n"
          "  interval: ${x}\n"
          "failover: { settle: \"${x}\" }\n"
          "log: ${x}\n"),
      ElementsAre(
          "f:2:33: cluster.backends.static[1]: expected the environment variable x, found that it is not set",
          "f:2:52: cluster.backends.static[2].address: expected the environment variable x, found that it is "
          "not set",
          "f:2:66: cluster.backends.static[2].zone: expected the environment variable x, found that it is "
          "not "
          "set",
          "f:4:13: listeners[0].name: expected the environment variable x, found that it is not set",
          "f:4:27: listeners[0].bind: expected the environment variable x, found that it is not set",
          "f:4:65: listeners[0].hold_timeout: expected the environment variable x, found that it is not set",
          "f:5:72: listeners[1].max_replay_lag[0]: expected the environment variable x, found that it is not "
          "set",
          "f:7:13: probe.interval: expected the environment variable x, found that it is not set",
          "f:8:21: failover.settle: expected the environment variable x, found that it is not set",
          "f:9:6: log: expected the environment variable x, found that it is not set"));
}

TEST(Variables, HaveNoDefaults) {
  EXPECT_THAT(
      problems_with_variables(minimal_and("probe:\n  user: a${USER:-b}c\n  database: ${USER\n")),
      ElementsAre("f:5:9: probe.user: expected ${NAME}, a name of letters, digits and _ without a default or "
                  "anything else, or $${ for a literal ${, found \"${USER:-b}\"",
                  "f:6:13: probe.database: expected ${NAME}, a name of letters, digits and _ without a "
                  "default or anything else, or $${ for a literal ${, found \"${USER\" without an end"));
}

// What a check of two keys would say of the text that is not known.
TEST(Variables, ThatAreBadAreReportedOnce) {
  EXPECT_THAT(problems_with_variables(minimal_and("probe:\n  timeout: ${x}\n  burst_interval: ${x}\n"
                                                  "cluster2: 1\n"))
                  .size(),
              3U);
  EXPECT_THAT(problems_with_variables("${x}\n").size(), 1U);
}

// To YAML their own braces begin a mapping there.
TEST(Variables, InBracesOrBracketsNeedQuotes) {
  const std::string found =
      "expected valid YAML, found a ${ in braces or brackets, where it needs quotes: \"${NAME}\"";
  EXPECT_THAT(problems_with_variables(minimal_and("probe: { user: ${USER} }\n")),
              ElementsAre("f:4:17: " + found));
  EXPECT_THAT(problems_with_variables(minimal_and("probe: { user: ${USER}, database: a }\n")),
              ElementsAre("f:4:17: " + found));
  EXPECT_THAT(problems_with_variables("cluster: { backends: { static: [${A}, b] } }\n"),
              ElementsAre("f:1:34: " + found));
}

TEST(ProcessEnvironment, IsReadByDefault) {
  ASSERT_EQ(::setenv("PGSTEER_CONFIG_TEST", "asker", 1), 0);
  EXPECT_EQ(load_text(minimal_and("probe:\n  user: ${PGSTEER_CONFIG_TEST}\n"), "f").probe.user, "asker");
  ASSERT_EQ(::unsetenv("PGSTEER_CONFIG_TEST"), 0);
  EXPECT_EQ(process_environment("PGSTEER_CONFIG_TEST"), std::nullopt);
}

}  // namespace
}  // namespace pgsteer::config
