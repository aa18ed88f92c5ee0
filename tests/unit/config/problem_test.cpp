// What is wrong with a file, where, and in which words. In every text the first lines are a valid
// configuration; the problem is on line 4 or later, or replaces one of the first three.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pgsteer/config/config.hpp"
#include "unit/config/text_samples.hpp"

namespace pgsteer::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> problems_of(const std::string& text) {
  try {
    static_cast<void>(load_text(text, "f"));
  } catch (const config_error& error) {
    return error.problems();
  }
  return {};
}

struct problem_case {
  std::string text;
  std::string expected;
};

void check_cases(const std::vector<problem_case>& cases) {
  for (const problem_case& each : cases) {
    SCOPED_TRACE(each.text);
    EXPECT_THAT(problems_of(each.text), ElementsAre(each.expected));
  }
}

std::string with_cluster(const std::string& cluster) {
  return "cluster: " + cluster + "\nlisteners: [{ name: rw, bind: \"127.0.0.1:0\", route: primary }]\n";
}

std::string with_listener(const std::string& listener) {
  return minimal_and("  - { " + listener + " }\n");
}

TEST(Problem, UnknownKeyHasItsPlaceAndAGuess) {
  check_cases({
      {minimal_and("probe: { intervall: 1s }\n"),
       "f:4:10: probe.intervall: expected a known key in probe, found \"intervall\"; did you mean "
       "\"interval\"?"},
      {minimal_and("admn: { bind: \"127.0.0.1:1\" }\n"),
       "f:4:1: admn: expected a known key at the top level, found \"admn\"; did you mean \"admin\"?"},
      {minimal_and("log:\n  colour: true\n"),
       "f:5:3: log.colour: expected one of the keys level or format, found \"colour\""},
      {with_listener("name: b, bind: \"127.0.0.1:0\", route: any, hold-timeout: 1s"),
       "f:4:49: listeners[1].hold-timeout: expected a known key in listeners[1], found \"hold-timeout\"; did "
       "you "
       "mean \"hold_timeout\"?"},
  });
}

TEST(Problem, WrongTypeSaysWhatStandsThere) {
  check_cases({
      {minimal_and("probe: fast\n"), "f:4:8: probe: expected a mapping of keys, found \"fast\""},
      {minimal_and("failover: { settle: soon }\n"),
       "f:4:21: failover.settle: expected auto, off or a duration from 10ms to 10m, found \"soon\""},
      {minimal_and("failover: { settle: 11m }\n"),
       "f:4:21: failover.settle: expected auto, off or a duration from 10ms to 10m, found \"11m\""},
      {minimal_and("failover: { settle: 10s }\n"),
       "f:4:21: failover.settle: expected less than the hold_timeout of listener rw (10s), found 10s"},
      {"cluster: { backends: { static: [\"10.0.0.1:5432\"] } }\nfailover: { settle: 20s }\n"
       "listeners: [{ name: rw, bind: \"0.0.0.0:5432\", route: primary, hold_timeout: long }]\n",
       "f:3:77: listeners[0].hold_timeout: expected a duration from 0s to 10m (units: ms, s, m, h), found "
       "\"long\""},
      {minimal_and("failover: { settle: [auto] }\n"),
       "f:4:21: failover.settle: expected auto, off or a duration from 10ms to 10m, found a list"},
      {minimal_and("probe: [a]\n"), "f:4:8: probe: expected a mapping of keys, found a list"},
      {minimal_and("probe: { user: [a, b] }\n"),
       "f:4:16: probe.user: expected a name of 1 to 63 bytes, found a list"},
      {minimal_and("workers: { a: 1 }\n"),
       "f:4:10: workers: expected auto or a whole number from 1 to 256, found a mapping"},
      {minimal_and("admin: { bind: 9464 }\n"),
       "f:4:16: admin.bind: expected an IP address and a port such as 0.0.0.0:5432 or [::]:5432, found "
       "\"9464\""},
      {with_cluster("{ backends: { static: \"10.0.0.1:5432\" } }"),
       "f:1:32: cluster.backends.static: expected a list of backends such as [\"10.0.0.1:5432\", "
       "\"pg-2.example:5432\"], found \"10.0.0.1:5432\""},
      {with_cluster("{ backends: { static: [a, [b]] } }"),
       "f:1:36: cluster.backends.static[1]: expected host:port with a host name, an IP address or the folder "
       "of a Unix socket such as "
       "/run/postgresql, and a port "
       "from 1 "
       "to 65535, found a list"},
  });
}

TEST(Problem, MissingValueIsNamed) {
  check_cases({
      {minimal_and("probe:\n  user:\nworkers: 1\n"),
       "f:5:3: probe.user: expected a name of 1 to 63 bytes, found nothing"},
      {minimal_and("probe:\nworkers: 1\n"), "f:4:1: probe: expected a mapping of keys, found nothing"},
      {minimal_and("drain_timeout: ~\n"),
       "f:4:1: drain_timeout: expected a duration from 0s to 24h (units: ms, s, m, h), found nothing"},
      {"workers: 2\n" + with_cluster("{ role_ttl: 5s }"),
       "f:2:10: cluster.backends: expected a source of backends: static, dns or kubernetes, found nothing"},
      {with_cluster("{ backends: { } }"),
       "f:1:22: cluster.backends: expected a source: static, dns or kubernetes, found none"},
      {with_cluster("{ backends: { static: [] } }"),
       "f:1:32: cluster.backends.static: expected a list of backends such as [\"10.0.0.1:5432\", "
       "\"pg-2.example:5432\"], found an empty list"},
      {with_cluster("{ backends: { dns: { port: 5432 } } }"),
       "f:1:29: cluster.backends.dns.name: expected a host name, found nothing"},
      {with_cluster("{ backends: { static: { refresh: 5s } } }"),
       "f:1:32: cluster.backends.static.addresses: expected a list of backends such as [\"10.0.0.1:5432\", "
       "\"pg-2.example:5432\"], found nothing"},
      {"cluster: { backends: { static: [a] } }\n",
       "f:1:1: listeners: expected a list of at least one listener, found nothing"},
      {"listeners: [{ name: rw, bind: \"127.0.0.1:0\", route: primary }]\n",
       "f:1:1: cluster: expected the section that names the backends, found nothing"},
      {"cluster: { backends: { static: [a] } }\nlisteners: []\n",
       "f:2:12: listeners: expected a list of at least one listener, found an empty list"},
      {with_listener("name: b, bind: \"127.0.0.1:0\""),
       "f:4:5: listeners[1].route: expected where sessions go, such as primary, found nothing"},
  });
}

TEST(Problem, ValueOutOfRangeShowsTheRange) {
  check_cases({
      {minimal_and("workers: 0\n"),
       "f:4:10: workers: expected auto or a whole number from 1 to 256, found \"0\""},
      {minimal_and("workers: 257\n"),
       "f:4:10: workers: expected auto or a whole number from 1 to 256, found \"257\""},
      {minimal_and("workers: -1\n"),
       "f:4:10: workers: expected auto or a whole number from 1 to 256, found \"-1\""},
      {minimal_and("tcp: { keepalive_count: 128 }\n"),
       "f:4:25: tcp.keepalive_count: expected a whole number from 1 to 127, found \"128\""},
      {minimal_and("tcp: { keepalive_idle: 1500ms }\n"),
       "f:4:24: tcp.keepalive_idle: expected a duration from 1s to 32767s in whole seconds, found "
       "\"1500ms\""},
      {minimal_and("drain_timeout: 25h\n"),
       "f:4:16: drain_timeout: expected a duration from 0s to 24h (units: ms, s, m, h), found \"25h\""},
      {minimal_and("drain_timeout: 30\n"),
       "f:4:16: drain_timeout: expected a duration from 0s to 24h (units: ms, s, m, h), found \"30\""},
      {minimal_and("relay: { buffer: 2MiB }\n"),
       "f:4:18: relay.buffer: expected a size from 4KiB to 1MiB (units: B, KiB, MiB, GiB), found \"2MiB\""},
      {minimal_and("relay: { buffer: 64kB }\n"),
       "f:4:18: relay.buffer: expected a size from 4KiB to 1MiB (units: B, KiB, MiB, GiB), found \"64kB\"; "
       "did you "
       "mean \"64KiB\"?"},
      {with_cluster("{ backends: { static: [a] }, system_identifier: 0 }"),
       "f:1:58: cluster.system_identifier: expected auto or a whole number from 1 to 18446744073709551615, "
       "found "
       "\"0\""},
      {minimal_and("probe: { user: \"\" }\n"),
       "f:4:16: probe.user: expected a name of 1 to 63 bytes, found \"\""},
  });
}

TEST(Problem, MistypedWordHasAGuess) {
  check_cases({
      {with_listener("name: b, bind: \"127.0.0.1:0\", route: prefer_standby"),
       "f:4:44: listeners[1].route: expected any, read-write, read-only, primary, standby or prefer-standby, "
       "found "
       "\"prefer_standby\"; did you mean \"prefer-standby\"?"},
      {minimal_and("log: { level: verbose }\n"),
       "f:4:15: log.level: expected debug, info, warning or error, found \"verbose\""},
      {minimal_and("probe: { sslmode: verify_full }\n"),
       "f:4:19: probe.sslmode: expected disable, allow, prefer, require, verify-ca or verify-full, found "
       "\"verify_full\"; did you mean \"verify-full\"?"},
  });
}

TEST(Problem, DuplicateIsReportedAtTheSecond) {
  check_cases({
      {minimal_and("workers: 1\nworkers: 2\n"),
       "f:5:1: workers: expected each key once, found it again after line 4"},
      {minimal_and("log: { level: info, level: info }\n"),
       "f:4:21: log.level: expected each key once, found it again after line 4"},
      {with_cluster("{ backends: { static: [\"a:5432\", b, a] } }"),
       "f:1:46: cluster.backends.static[2]: expected each backend once, found \"a:5432\" again"},
      {with_listener("name: rw, bind: \"127.0.0.1:0\", route: any"),
       "f:4:13: listeners[1].name: expected a name of its own, found \"rw\" again"},
  });
}

TEST(Problem, ContradictionsAreRefused) {
  check_cases({
      {with_cluster("{ backends: { static: [a], dns: { name: b } } }"),
       "f:1:37: cluster.backends: expected exactly one source, found both static and dns"},
      {minimal_and("probe: { passfile: /a, password_file: /b }\n"),
       "f:4:20: probe.passfile: expected either password_file or passfile, found both"},
      {minimal_and("probe: { interval: 100ms, burst_interval: 200ms }\n"),
       "f:4:43: probe.burst_interval: expected at most interval (100ms), found 200ms"},
      {minimal_and("probe: { interval: 10s }\n"),
       "f:4:20: cluster.role_ttl: expected at least probe.interval + probe.timeout (10300ms), found 3s"},
      {with_cluster("{ backends: { static: [a] }, role_ttl: 1m }"),
       "f:1:10: cluster.dead_after: expected at least role_ttl (1m), found 30s"},
      {minimal_and("limits: { sessions: 10, pending_logins: 11 }\n"),
       "f:4:41: limits.pending_logins: expected at most sessions (10), found \"11\""},
      {minimal_and("limits: { pending_logins: 10, held_logins: 11 }\n"),
       "f:4:44: limits.held_logins: expected at most pending_logins (10), found \"11\""},
      {minimal_and("limits: { connect_timeout: 5s, login_timeout: 2s }\n"),
       "f:4:28: limits.connect_timeout: expected at most login_timeout (2s), found 5s"},
      {with_listener("name: b, bind: \"127.0.0.1:0\", route: primary, max_replay_lag: 1MiB"),
       "f:4:69: listeners[1].max_replay_lag: expected none on a route to the primary, which never lags, "
       "found "
       "\"1MiB\""},
  });
}

TEST(Problem, AddressesAreBoundOnce) {
  const std::string first =
      "cluster: { backends: { static: [a] } }\n"
      "listeners:\n"
      "  - { name: a, bind: \"0.0.0.0:5432\", route: primary }\n";
  check_cases({
      {first + "  - { name: b, bind: \"127.0.0.1:5432\", route: any }\n",
       "f:4:22: listeners[1].bind: expected an address that nothing else binds, found \"127.0.0.1:5432\", "
       "taken by "
       "listeners[0].bind"},
      {first + "  - { name: b, bind: \"[::]:5432\", route: any }\n",
       "f:4:22: listeners[1].bind: expected an address that nothing else binds, found \"[::]:5432\", taken "
       "by "
       "listeners[0].bind"},
      {first + "  - { name: b, bind: \"/run/pg:5432\", route: any }\n  - { name: c, bind: \"/run/pg:5432\", "
               "route: any "
               "}\n",
       "f:5:22: listeners[2].bind: expected an address that nothing else binds, found \"/run/pg:5432\", "
       "taken by "
       "listeners[1].bind"},
      {first + "admin: { bind: \"127.0.0.1:5432\" }\n",
       "f:4:16: admin.bind: expected an address that nothing else binds, found \"127.0.0.1:5432\", taken by "
       "listeners[0].bind"},
  });
}

// What libpq could not find, or bind(2) could not take.
TEST(Problem, UnixSocketsHaveFoldersThatFit) {
  const std::string too_long = "/" + std::string(100, 'x') + ":5432";
  for (const std::string& bind :
       {std::string("/run/pg:0"), std::string("/run/pg"), std::string("/:5432"), std::string("/run/pg/:5432"),
        std::string("/run/a,b:5432"), std::string("@:5432"), std::string("run/pg:5432"), too_long}) {
    SCOPED_TRACE(bind);
    EXPECT_THAT(problems_of("cluster: { backends: { static: [a] } }\nlisteners: [{ name: rw, bind: \"" +
                            bind + "\", route: primary }]\n"),
                ElementsAre(testing::StartsWith(
                    "f:2:31: listeners[0].bind: expected an IP address and a port such as 0.0.0.0:5432 or "
                    "[::]:5432, or the folder of a Unix socket (at most 92 bytes) and a port such as "
                    "/run/postgresql:5432, found \"" +
                    bind.substr(0, 20))));
  }
  EXPECT_THAT(
      problems_of("cluster: { backends: { static: [\"/run/postgresql\", \"/run/pg:5433\", \"@pg\"] } }\n"
                  "listeners: [{ name: rw, bind: \"/run/pgsteer:5432\", route: primary }]\n"),
      testing::IsEmpty());
}

TEST(Problem, MaxReplayLagTakesASizeADurationOrBoth) {
  for (const std::string lag : {"16MB", "10", "[]", "[1MiB, 2MiB]", "[1s, 2s]", "[1MiB, 1s, 1s]",
                                "{ a: 1MiB }", "2TiB", "25h", "1025GiB", "[none, 1s]"}) {
    SCOPED_TRACE(lag);
    EXPECT_THAT(
        problems_of(with_listener("name: b, bind: \"127.0.0.1:0\", route: standby, max_replay_lag: " + lag)),
        ElementsAre(
            HasSubstr("listeners[1].max_replay_lag: expected none, a size (16MiB), a duration (10s) or "
                      "a list of one of each ([16MiB, 10s]), found ")));
  }
}

TEST(Problem, BackendMustBeHostAndPort) {
  for (const std::string backend :
       {"'a:0'", "'a:65536'", "'a:'", "':5432'", "'a b:5432'", "'10.0.0.256:5432'", "'postgres://a:5432'",
        "'::1:5432'", "'[::1'", "'a,b'", "''", "~"}) {
    SCOPED_TRACE(backend);
    EXPECT_THAT(
        problems_of(with_cluster("{ backends: { static: [" + backend + "] } }")),
        ElementsAre(HasSubstr("f:1:33: cluster.backends.static[0]: expected host:port with a host name")));
  }
}

TEST(Problem, DnsNameIsAName) {
  check_cases({
      {with_cluster("{ backends: { dns: { name: 10.0.0.1 } } }"),
       "f:1:37: cluster.backends.dns.name: expected a host name (addresses go under static), found "
       "\"10.0.0.1\""},
      {with_cluster("{ backends: { dns: { name: \"pg:5432\" } } }"),
       "f:1:37: cluster.backends.dns.name: expected a host name without a port, found \"pg:5432\""},
  });
}

TEST(Problem, ListenerNameFitsLabelsAndLogs) {
  for (const std::string name : {"RW", "r w", "\"\"", "r\\\"w", "[rw]"}) {
    SCOPED_TRACE(name);
    EXPECT_THAT(problems_of(with_listener("name: " + name + ", bind: \"127.0.0.1:0\", route: any")),
                ElementsAre(HasSubstr("listeners[1].name: expected a name of 1 to 63 lower-case letters")));
  }
  EXPECT_THAT(problems_of(with_listener("name: admin, bind: \"127.0.0.1:0\", route: any")),
              ElementsAre(HasSubstr("expected a name other than admin, which is the admin port's")));
}

TEST(Problem, ZonesHaveNames) {
  const auto with_static = [](const std::string& entry) {
    return with_cluster("{ backends: { static: [ " + entry + " ] } }");
  };
  const auto with_own = [](const std::string& zone) {
    return with_cluster("{ backends: { static: [a] }, zone: " + zone + " }");
  };
  const std::string name =
      "zone's name of 1 to 63 letters, digits, -, _ and ., a letter or a digit at both ends";
  const std::string entry = "cluster.backends.static[0]";
  check_cases({
      {with_own("-east"), "f:1:45: cluster.zone: expected auto, off or a " + name + ", found \"-east\""},
      {with_own("OFF"), "f:1:45: cluster.zone: expected auto, off or a " + name + ", found \"OFF\""},
      {with_static("{ address: a, zone: yes }"),
       "f:1:54: " + entry + ".zone: expected a " + name + ", found \"yes\""},
      {with_own("[a]"), "f:1:45: cluster.zone: expected auto, off or a " + name + ", found a list"},
      {with_own("\"\""), "f:1:45: cluster.zone: expected auto, off or a " + name + ", found \"\""},
      {with_cluster("{ backends: { dns: { name: a } }, zone: east }"),
       "f:1:50: cluster.zone: expected auto or off with dns, which tells no zones, found \"east\""},
      {with_static("{ zone: a }"), "f:1:34: " + entry + ".address: expected host:port, found nothing"},
      {with_static("{ address: a, zone: a b }"),
       "f:1:54: " + entry + ".zone: expected a " + name + ", found \"a b\""},
      {with_static("{ address: [a], zone: b }"), "f:1:45: " + entry +
                                                     ".address: expected host:port with a host name, an IP "
                                                     "address or the folder of a Unix socket such as "
                                                     "/run/postgresql, and a port from 1 to 65535, found a "
                                                     "list"},
      {with_listener("name: b, bind: \"127.0.0.1:0\", route: standby, zone_imbalance_max: 0"),
       "f:4:73: listeners[1].zone_imbalance_max: expected none or a whole number from 1 to 1000, found "
       "\"0\""},
      {with_listener("name: b, bind: \"127.0.0.1:0\", route: primary, zone_imbalance_max: 2"),
       "f:4:73: listeners[1].zone_imbalance_max: expected none on a route to the primary, of which there is "
       "one, found \"2\""},
  });
}

TEST(Problem, KubernetesNamesItsPods) {
  const auto with = [](const std::string& keys) {
    return with_cluster("{ backends: { kubernetes: { " + keys + " } } }");
  };
  const std::string path = "cluster.backends.kubernetes";
  check_cases({
      {with("namespace: db"),
       "f:1:36: " + path + ".label_selector: expected which pods, or cnpg_cluster, found nothing"},
      {with("cnpg_cluster: pg, label_selector: a=b"),
       "f:1:56: " + path + ": expected exactly one of label_selector and cnpg_cluster, found both"},
      {with("label_selector: \"\""), "f:1:54: " + path +
                                         ".label_selector: expected a label selector such as "
                                         "\"cnpg.io/cluster=pg\", found \"\""},
      {with("label_selector: { a: b }"), "f:1:54: " + path +
                                             ".label_selector: expected a label selector such as "
                                             "\"cnpg.io/cluster=pg\", found a mapping"},
      {with("label_selector: \"a=b&watch=1\""), "f:1:54: " + path +
                                                    ".label_selector: expected a label selector such as "
                                                    "\"cnpg.io/cluster=pg\", found \"a=b&watch=1\""},
      {with("cnpg_cluster: Pg"),
       "f:1:52: " + path +
           ".cnpg_cluster: expected a name of 1 to 63 lower-case letters, digits and -, found \"Pg\""},
      {with("cnpg_cluster: pg, namespace: -db"),
       "f:1:67: " + path +
           ".namespace: expected a name of 1 to 63 lower-case letters, digits and -, found \"-db\""},
      {with("cnpg_cluster: pg, port: 0"),
       "f:1:62: " + path + ".port: expected a whole number from 1 to 65535, found \"0\""},
      {with("cnpg_cluster: pg, api_server: \"http://10.96.0.1\""),
       "f:1:68: " + path +
           ".api_server: expected https://host:port with a host name or an IP address, or \"\", found "
           "\"http://10.96.0.1\""},
      {with("cnpg_cluster: pg, zone_services: pg-r"),
       "f:1:71: " + path +
           ".zone_services: expected a list of Services such as [\"pg-r\", \"pgsteer\"], found \"pg-r\""},
      {with("cnpg_cluster: pg, zone_services: [Pg]"),
       "f:1:72: " + path +
           ".zone_services[0]: expected a name of 1 to 63 lower-case letters, digits and -, found \"Pg\""},
      {with("cnpg_cluster: pg, prot: 3"), "f:1:56: " + path + ".prot: expected a known key in " + path +
                                              ", found \"prot\"; did you mean \"port\"?"},
  });
}

TEST(Problem, APasswordIsRefusedAndNeverPrinted) {
  check_cases(
      {{minimal_and("probe: { password: canary-secret }\n"),
        "f:4:10: probe.password: expected password_file, passfile or the variable PGPASSWORD, found a "
        "password, which does not belong in this file"}});
}

TEST(Problem, SyntaxErrorsHaveTheSameForm) {
  check_cases({
      {minimal_and("admin: { bind: \"127.0.0.1:1\"\nworkers: 1\n"),
       "f:5:1: expected valid YAML, found end of map flow not found"},
      {minimal_and("\tworkers: 1\n"),
       "f:4:2: expected valid YAML, found a tab; YAML is indented with spaces"},
      {minimal_and("workers: *nowhere\n"),
       "f:4:10: expected valid YAML, found the referenced anchor is not defined"},
  });
}

TEST(Problem, AllAreReportedInTheOrderOfTheFile) {
  EXPECT_THAT(
      problems_of("log: { level: loud }\n"
                  "probe: { intervall: 1s, timeout: 1h, burst_interval: 40s, user: }\n"
                  "workers: many\n"
                  "cluster: { backends: { static: [\"a:b\"], dns: {} }, role_ttl: soon }\n"
                  "listeners: [{ name: rw, bind: here, route: there }]\n"),
      ElementsAre(HasSubstr("f:1:15: log.level"), HasSubstr("f:2:10: probe.intervall"),
                  HasSubstr("f:2:34: probe.timeout"), HasSubstr("f:2:54: probe.burst_interval"),
                  HasSubstr("f:2:59: probe.user"), HasSubstr("f:3:10: workers"),
                  HasSubstr("f:4:33: cluster.backends.static[0]"), HasSubstr("f:4:41: cluster.backends:"),
                  HasSubstr("f:4:46: cluster.backends.dns.name"), HasSubstr("f:4:62: cluster.role_ttl"),
                  HasSubstr("f:5:31: listeners[0].bind"), HasSubstr("f:5:44: listeners[0].route")));
}

// A value that was not understood must not make a second, misleading problem out of its default.
TEST(Problem, CrossChecksIgnoreBrokenValues) {
  EXPECT_EQ(problems_of(minimal_and("probe: { interval: fast, burst_interval: 1m }\n")).size(), 1U);
  EXPECT_EQ(problems_of(minimal_and("limits: { sessions: few, pending_logins: 20000 }\n")).size(), 1U);
  EXPECT_EQ(
      problems_of(with_listener("name: b, bind: \"127.0.0.1:0\", route: stanby, max_replay_lag: 1s")).size(),
      1U);
}

TEST(Problem, FoundTextIsShortAndPrintable) {
  EXPECT_THAT(
      problems_of(minimal_and("workers: \"\\e[31m" + std::string(100, 'x') + "\"\n")),
      ElementsAre("f:4:10: workers: expected auto or a whole number from 1 to 256, found \"\\x1b[31m" +
                  std::string(55, 'x') + "...\""));
}

TEST(Problem, ListsAreBounded) {
  std::string many = "a0";
  for (int i = 1; i < 257; ++i) many += ", a" + std::to_string(i);
  EXPECT_THAT(problems_of(with_cluster("{ backends: { static: [" + many + "] } }")),
              ElementsAre("f:1:32: cluster.backends.static: expected at most 256 backends, found 257"));
  std::string listeners = minimal_text;
  for (int i = 1; i < 65; ++i)
    listeners += "  - { name: l" + std::to_string(i) + ", bind: \"127.0.0.1:0\", route: any }\n";
  EXPECT_THAT(problems_of(listeners),
              ElementsAre("f:3:3: listeners: expected at most 64 listeners, found 65"));
}

}  // namespace
}  // namespace pgsteer::config
