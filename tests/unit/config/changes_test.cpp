// What of a configuration differs from another one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "pgsteer/config/config.hpp"

namespace pgsteer::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::string static_source = "static: [\"10.0.0.1:5432\"]";
const std::string rw = "  - { name: rw, bind: \"0.0.0.0:5432\", route: primary }\n";
const std::string ro = "  - { name: ro, bind: \"[::]:5433\", route: prefer-standby, hold_timeout: 5s }\n";

std::string file_of(const std::string& source, const std::string& listeners, const std::string& more = {}) {
  return "cluster: { backends: { " + source + " } }\nlisteners:\n" + listeners + more;
}

std::vector<change> between(const std::string& before, const std::string& after) {
  return changes(load_text(before, "before.yaml"), load_text(after, "after.yaml"));
}

TEST(Changes, AreNoneBetweenEqualFiles) {
  const std::string text = file_of(static_source, rw + ro);
  EXPECT_THAT(between(text, text), IsEmpty());
}

TEST(Changes, AreNoneForAnotherWriting) {
  EXPECT_THAT(
      between(file_of(static_source, rw, "probe: { interval: 2000ms }\n"),
              file_of("static: { addresses: [10.0.0.1] }", rw, "workers: auto\nprobe:\n  interval: 2s\n")),
      IsEmpty());
}

TEST(Changes, AreNoneForAnotherOrderOfListeners) {
  EXPECT_THAT(between(file_of(static_source, rw + ro), file_of(static_source, ro + rw)), IsEmpty());
}

TEST(Changes, NameEachRetunedKeyInTheFilesOrder) {
  EXPECT_THAT(between(file_of(static_source, rw + ro, "workers: 2\nlog: { level: debug }\n"),
                      file_of(static_source, ro + rw,
                              "probe: { interval: 1s, user: \"no\" }\nlimits: { sessions: 50 }\n")),
              ElementsAre(change{"probe.user", "pgsteer", "\"no\""}, change{"probe.interval", "500ms", "1s"},
                          change{"workers", "2", "auto"}, change{"limits.sessions", "10000", "50"},
                          change{"limits.pending_logins", "1000", "50"},
                          change{"limits.held_logins", "1000", "50"}, change{"log.level", "debug", "info"}));
}

TEST(Changes, NameKeysOfListenersByTheListenersName) {
  const std::string moved =
      "  - { name: ro, bind: \"0.0.0.0:5434\", route: prefer-standby, hold_timeout: 6s }\n";
  EXPECT_THAT(between(file_of(static_source, rw + ro), file_of(static_source, moved + rw)),
              ElementsAre(change{"listeners[ro].bind", "\"[::]:5433\"", "0.0.0.0:5434"},
                          change{"listeners[ro].hold_timeout", "5s", "6s"}));
}

TEST(Changes, TellAListenerThatIsNewOrGoneInOneLine) {
  const std::string both = file_of(static_source, rw + ro, "drain_timeout: 5s\n");
  const std::string one = file_of(static_source, rw);
  EXPECT_THAT(between(one, both), ElementsAre(change{"listeners[ro]", "", "\"[::]:5433\", prefer-standby"},
                                              change{"drain_timeout", "30s", "5s"}));
  EXPECT_THAT(between(both, one), ElementsAre(change{"listeners[ro]", "\"[::]:5433\", prefer-standby", ""},
                                              change{"drain_timeout", "5s", "30s"}));
}

TEST(Changes, TellARenamedListenerAsOneGoneAndOneNew) {
  const std::string renamed = "  - { name: write, bind: \"0.0.0.0:5432\", route: primary }\n";
  EXPECT_THAT(between(file_of(static_source, rw + ro), file_of(static_source, renamed + ro)),
              ElementsAre(change{"listeners[rw]", "0.0.0.0:5432, primary", ""},
                          change{"listeners[write]", "", "0.0.0.0:5432, primary"}));
}

TEST(Changes, TellAnotherSourceKeyByKey) {
  EXPECT_THAT(between(file_of(static_source, rw), file_of("dns: { name: pg.db }", rw)),
              ElementsAre(change{"cluster.backends.static.addresses", "[10.0.0.1:5432]", ""},
                          change{"cluster.backends.static.refresh", "2s", ""},
                          change{"cluster.backends.dns.name", "", "pg.db"},
                          change{"cluster.backends.dns.port", "", "5432"},
                          change{"cluster.backends.dns.refresh", "", "2s"}));
}

TEST(Changes, HaveWhatIsNewAtTheEndToo) {
  config before;
  config after;
  before.settings = {{"b", "1"}};
  after.settings = {{"a", "1"}, {"b", "1"}, {"c", "1"}};
  EXPECT_THAT(changes(before, after), ElementsAre(change{"a", "", "1"}, change{"c", "", "1"}));
  EXPECT_THAT(changes(after, before), ElementsAre(change{"a", "1", ""}, change{"c", "1", ""}));
}

}  // namespace
}  // namespace pgsteer::config
