// What a Kubernetes API server, or whoever is in its place, may answer wrongly: the last good set stays, and
// the source finds back.
#include "discovery/pod_set.hpp"
#include "integration/kubernetes_world.hpp"

namespace pgsteer::test {
namespace {

class KubernetesFaults : public kubernetes_world {
 protected:
  // After each of these answers to a watch the set stays, and a later watch brings news.
  void survives(const std::string& what, const api_answered& fault, const std::string& kind) {
    SCOPED_TRACE(what);
    published_.clear();
    script_ = {{.body = list_json("10", {pod_1})}, fault, fault};
    start();
    ASSERT_TRUE(run_until([&] { return script_.empty() && errors(kind) >= 2 && figures().is_watching; }));
    EXPECT_EQ(published_, std::vector<std::string>{pod_1_words});
    EXPECT_EQ(asked().back(), "watch 10");
    api_.send(event_json("ADDED", pod_2.json()));
    ASSERT_TRUE(run_until_published(2));
    source_.reset();
    api_.cut();
    ASSERT_TRUE(run_until([&] { return api_.open_watches() == 0; }));
  }
};
using strings = std::vector<std::string>;

TEST_F(KubernetesFaults, KeepsTheSetWhateverTheAnswer) {
  using enum api_answered::after;
  const std::string event = event_json("ADDED", sample_pod{.version = "10"}.json());
  survives("403", {.status = 403, .body = status_json(403, "Forbidden", "pods is forbidden")}, "forbidden");
  survives("500", {.status = 500, .body = status_json(500, "InternalError", "etcd")}, "refused");
  survives("503 without a body", {.status = 503, .body = ""}, "refused");
  survives("a redirect", {.status = 302, .body = "", .headers = "Location: https://example.test/\r\n"},
           "refused");
  survives("429", {.status = 429, .body = "", .headers = "Retry-After: 0\r\n"}, "throttled");
  survives("an ERROR event", {.body = event_json("ERROR", status_json(500, "InternalError", "x"))},
           "refused");
  survives("a page of HTML", {.body = "<html>login</html>", .then = open}, "malformed");
  survives("no event", {.body = "{\"kind\":\"PodList\"}\n", .then = open}, "malformed");
  survives("cut amid an event", {.body = event.substr(0, 300), .then = cut}, "no_connection");
  survives("an end amid an event", {.body = event.substr(0, 300)}, "malformed");
  survives("a line without an end", {.body = "{\"a\":\"" + std::string(5 << 20, 'x'), .then = open},
           "malformed");
  survives("a value that is too large",
           {.body = "{\"type\":\"" + std::string(64 << 10, 'x') + "\"}\n", .then = open}, "malformed");
}

// A proxy in front of an API that is gone, say.
TEST_F(KubernetesFaults, TakesAHeaderAloneForNoAnswer) {
  start();
  ASSERT_TRUE(run_until_watching());
  const auto answered_at = figures().answered_at;
  script_.assign(discovery::api_plan::watch_failures_max - 1, {.then = api_answered::after::cut});
  api_.cut();
  ASSERT_TRUE(run_until([&] { return script_.empty(); }));
  EXPECT_EQ(figures().answered_at, answered_at);
  ASSERT_TRUE(run_until([&] { return figures().lists == 2; })) << "its version may be the reason";
  ASSERT_TRUE(run_until_watching());
  EXPECT_GE(errors("no_connection"), std::uint64_t{discovery::api_plan::watch_failures_max});
  EXPECT_EQ(published_, strings{pod_1_words});
}

TEST_F(KubernetesFaults, ListsNowAndThenWhereWatchingIsForbidden) {
  script_ = {{.body = list_json("10", {pod_1})}};
  script_.insert(script_.end(), discovery::api_plan::watch_failures_max,
                 {.status = 403, .body = status_json(403, "Forbidden", "cannot watch")});
  script_.push_back({.body = list_json("20", {pod_1, pod_2})});
  start();
  ASSERT_TRUE(run_until_published(2));
}

TEST_F(KubernetesFaults, TakesEventsThatCameBeforeTheFault) {
  start();
  ASSERT_TRUE(run_until_watching());
  api_.send(
      event_json("ADDED",
                 sample_pod{.name = "pg-2", .uid = "uid-2", .version = "12", .address = "10.0.0.2"}.json()) +
      "garbage");
  ASSERT_TRUE(run_until_published(2));
  ASSERT_TRUE(run_until_asked(3));
  EXPECT_EQ(asked().back(), "watch 12");
}

TEST_F(KubernetesFaults, ListsAgainWhateverTheAnswer) {
  script_ = {{.body = "not JSON"},
             {.body = list_json("10", {pod_2}).substr(0, 400)},
             {.body = list_json("10", {pod_2}).substr(0, 400), .then = api_answered::after::cut},
             {.body = list_json("", {pod_2})},
             {.body = "[]"},
             {.status = 500, .body = "oops"}};
  start();
  ASSERT_TRUE(run_until_watching());
  EXPECT_EQ(published_, strings{pod_1_words});
  EXPECT_EQ(asked(), (strings{"list", "list", "list", "list", "list", "list", "list", "watch 10"}));
}

TEST_F(KubernetesFaults, GivesUpAnEndlessPage) {
  // One object that is larger than any, in pieces that each look well.
  script_ = {{.body = R"({"items":[{"metadata":{"annotations":{"a":")" + std::string(5 << 20, 'x'),
              .then = api_answered::after::open}};
  start();
  ASSERT_TRUE(run_until_watching());
  EXPECT_EQ(errors("malformed"), 1U);
}

// A selector that matches far too much is no reason to run out of memory.
TEST_F(KubernetesFaults, RefusesASetThatIsTooLarge) {
  std::vector<sample_pod> many(discovery::pod_set::pods_max + 1);
  for (std::size_t i = 0; i < many.size(); ++i) many[i].uid = "uid-" + std::to_string(i);
  script_ = {{.body = list_json("10", many)}};
  start();
  ASSERT_TRUE(run_until_watching());
  EXPECT_EQ(errors("malformed"), 1U);
  EXPECT_EQ(published_, strings{pod_1_words});
}

TEST_F(KubernetesFaults, ReadsTheTokenAgainAtOnceAfterA401) {
  start();
  ASSERT_TRUE(run_until_watching());
  api_.respond = [this](const api_asked& asked) -> api_answered {
    if (asked.token == "token-2") return answer(asked);
    account_.write("token", "token-2\n");
    return {.status = 401, .body = status_json(401, "Unauthorized", "Unauthorized")};
  };
  api_.cut();
  ASSERT_TRUE(run_until_asked(4));
  ASSERT_TRUE(run_until_watching());
  EXPECT_EQ(asked(), (strings{"list", "watch 10", "watch 10", "watch 10"}));
  EXPECT_EQ(api_.asked()[2].token, "token-1");
  EXPECT_EQ(api_.asked()[3].token, "token-2");
  EXPECT_EQ(errors("unauthorized"), 1U);
}

TEST_F(KubernetesFaults, SendsTheTokenOfTheDayWithEachRequest) {
  start();
  ASSERT_TRUE(run_until_watching());
  account_.write("token", "token-2");
  api_.send(bookmark_json("11"));
  ASSERT_TRUE(run_until([&] { return events("bookmark") == 1; }));
  api_.end_watches();
  ASSERT_TRUE(run_until_asked(3));
  EXPECT_EQ(api_.asked().back().token, "token-2");
}

TEST_F(KubernetesFaults, WaitsAsLongAsTheServerSays) {
  script_ = {{.status = 429, .body = "", .headers = "Retry-After: 1\r\n"}};
  start();
  ASSERT_TRUE(run_until_asked(1));
  const time_point before = clock::now();
  source_->refresh_now();  // does not shorten it
  ASSERT_TRUE(run_until_asked(2));
  EXPECT_GE(clock::now() - before, milliseconds{900});
  EXPECT_EQ(errors("throttled"), 1U);
}

// Nobody learns our token but a server whose certificate is right, and that is checked each time anew.
TEST_F(KubernetesFaults, TellsNoStrangerItsToken) {
  const throwaway_ca stranger;
  account_.write("ca.crt", stranger.certificate());
  start();
  ASSERT_TRUE(run_until([&] { return errors("no_connection") >= 2; }));
  EXPECT_TRUE(api_.asked().empty());
  EXPECT_GE(api_.connections(), 2U);
  account_.write("ca.crt", "no certificate");
  const std::uint64_t before = errors("no_connection") + errors("not_set_up");
  ASSERT_TRUE(run_until([&] { return errors("no_connection") + errors("not_set_up") > before; }));
  EXPECT_TRUE(api_.asked().empty());
  account_.write("ca.crt", stranger.certificate() + ca_.certificate());  // a renewed one beside the old
  ASSERT_TRUE(run_until_watching());
  EXPECT_EQ(published_, strings{pod_1_words});
}

TEST_F(KubernetesFaults, ChecksTheNameOrAddressItDials) {
  fake_api elsewhere(context_, ca_.sign("DNS:api.example.test,IP:127.0.0.2"));
  elsewhere.respond = [this](const api_asked& asked) { return answer(asked); };
  for (const std::string host : {"127.0.0.1", "localhost"}) {
    SCOPED_TRACE(host);
    options_.api_server = "https://" + host + ":" + std::to_string(elsewhere.address().port);
    start();
    ASSERT_TRUE(run_until([&] { return errors("no_connection") >= 2; }));
    EXPECT_TRUE(elsewhere.asked().empty());
    source_.reset();
  }
  options_.api_server = "https://localhost:" + std::to_string(api_.address().port);
  start();
  ASSERT_TRUE(run_until_watching());
}

// Made with nothing of what it needs: it says so, and goes on once that is there.
TEST_F(KubernetesFaults, GoesOnOnceItsFilesAreThere) {
  account_.remove("token");
  account_.remove("ca.crt");
  start();
  ASSERT_TRUE(run_until([&] { return errors("not_set_up") >= 2; }));
  account_.write("token", "token-1");
  account_.write("ca.crt", ca_.certificate());
  ASSERT_TRUE(run_until_watching());
  EXPECT_EQ(published_, strings{pod_1_words});
}

}  // namespace
}  // namespace pgsteer::test
