// The Kubernetes source against a fake API server: lists, watches, and every way in which a watch can end.
#include "integration/kubernetes_world.hpp"

namespace pgsteer::test {
namespace {

class Kubernetes : public kubernetes_world {};
using strings = std::vector<std::string>;

TEST_F(Kubernetes, ListsPageByPageAndWatchesFromThere) {
  script_ = {{.body = list_json("10", {pod_1}, "c1+/=")}, {.body = list_json("10", {pod_2})}};
  start();
  ASSERT_TRUE(run_until_watching());
  EXPECT_EQ(published_, (strings{pod_1_words + "; " + pod_2_words})) << "once, and whole";
  EXPECT_EQ(asked(), (strings{"list", "list c1%2B%2F%3D", "watch 10"}));
  const api_asked& list = api_.asked().front();
  EXPECT_TRUE(list.target.starts_with("/api/v1/namespaces/db/pods?"));
  EXPECT_EQ(list.parameter("limit"), "250");
  EXPECT_EQ(list.token, "token-1");
  const api_asked& watch = api_.asked().back();
  EXPECT_EQ(watch.parameter("allowWatchBookmarks"), "true");
  EXPECT_GE(std::stoi(watch.parameter("timeoutSeconds")), 300);
  for (const api_asked& each : api_.asked()) {
    EXPECT_EQ(each.parameter("labelSelector"), "cnpg.io%2Fcluster%3Dpg");
    EXPECT_EQ(each.connection, 1U) << "one connection for all";
  }
  EXPECT_EQ(figures().lists, 1U);
  EXPECT_TRUE(hints_.empty());
}

TEST_F(Kubernetes, FollowsTheEventsOfAWatch) {
  start();
  ASSERT_TRUE(run_until_watching());
  api_.send(event_json("ADDED", pod_2.json()));
  ASSERT_TRUE(run_until_published(2));
  EXPECT_EQ(published_.back(), pod_1_words + "; " + pod_2_words);
  sample_pod leaving = pod_1;
  leaving.is_being_deleted = true;
  api_.send(event_json("MODIFIED", leaving.json()));
  ASSERT_TRUE(run_until([&] { return hints_.size() == 1; }));
  EXPECT_EQ(published_.back(), pod_2_words);
  EXPECT_EQ(hints_, strings{"uid-1 deletion"});
  api_.send(event_json("DELETED", leaving.json()));
  ASSERT_TRUE(run_until([&] { return hints_.size() == 2; }));
  EXPECT_EQ(hints_.back(), "uid-1 removal");
  EXPECT_EQ(published_.size(), 3U);
  EXPECT_EQ(events("added") + events("modified") + events("deleted"), 3U);
}

TEST_F(Kubernetes, HintsWithoutAChangeOfTheSet) {
  start();
  ASSERT_TRUE(run_until_watching());
  api_.send(event_json("MODIFIED", sample_pod{.labels = R"("role":"primary")"}.json()));
  ASSERT_TRUE(run_until([&] { return !hints_.empty(); }));
  EXPECT_EQ(hints_, strings{"uid-1 labels"});
  EXPECT_EQ(published_, strings{pod_1_words});
}

TEST_F(Kubernetes, CallsAnAddressOfAnotherPodAnotherBackend) {
  start();
  ASSERT_TRUE(run_until_watching());
  api_.send(event_json("DELETED", pod_1.json()) + event_json("ADDED", sample_pod{.uid = "uid-9"}.json()));
  ASSERT_TRUE(run_until_published(2));
  EXPECT_EQ(published_.back(), "pg-1:5432 10.0.0.1 uid-9");
}

TEST_F(Kubernetes, TakesTheInstancesOfACnpgCluster) {
  options_.label_selector = "";
  options_.cnpg_cluster = "pg";
  start();
  ASSERT_TRUE(run_until_watching(3));
  std::map<std::string, std::string> selectors;  // by path, of lists
  for (const api_asked& each : api_.asked()) {
    if (each.is_watch()) continue;
    selectors[each.target.substr(0, each.target.find('?'))] =
        each.parameter("labelSelector") + each.parameter("fieldSelector");
  }
  EXPECT_EQ(selectors,
            (std::map<std::string, std::string>{
                {"/api/v1/namespaces/db/pods", "cnpg.io%2Fcluster%3Dpg%2Ccnpg.io%2FpodRole%3Dinstance"},
                {"/apis/postgresql.cnpg.io/v1/namespaces/db/clusters", "metadata.name%3Dpg"},
                {"/apis/coordination.k8s.io/v1/namespaces/db/leases", "metadata.name%3Dpg"}}));
}

TEST_F(Kubernetes, WatchesOnFromTheLastBookmark) {
  start();
  ASSERT_TRUE(run_until_watching());
  api_.send(bookmark_json("55"));
  ASSERT_TRUE(run_until([&] { return events("bookmark") == 1; }));
  api_.end_watches();
  ASSERT_TRUE(run_until_asked(3));
  EXPECT_EQ(asked(), (strings{"list", "watch 10", "watch 55"}));
  EXPECT_EQ(api_.asked().back().connection, 1U) << "kept alive";
}

TEST_F(Kubernetes, WatchesOnAfterAnEndThatBroughtNothing) {
  start();
  ASSERT_TRUE(run_until_watching());
  for (std::size_t ends = 1; ends <= 3; ++ends) {
    api_.end_watches();
    ASSERT_TRUE(run_until_asked(2 + ends));
    ASSERT_TRUE(run_until_watching());
  }
  EXPECT_EQ(asked(), (strings{"list", "watch 10", "watch 10", "watch 10", "watch 10"}));
  EXPECT_EQ(published_, strings{pod_1_words});
}

// As kube-apiserver says that the version is too old once the watch is open: HTTP 200, and then an event.
TEST_F(Kubernetes, ListsAnewAfterAnErrorEvent) {
  start();
  ASSERT_TRUE(run_until_watching());
  script_ = {{.body = list_json("20", {pod_2}, "c1")}, {.is_silent = true}};
  api_.send(event_json("ERROR", status_json(410, "Expired", "too old resource version: 10 (20)")));
  ASSERT_TRUE(run_until_asked(4));
  EXPECT_EQ(asked(), (strings{"list", "watch 10", "list", "list c1"}));
  EXPECT_EQ(published_, strings{pod_1_words}) << "the last good set, until the new list is whole";
  EXPECT_EQ(errors("gone"), 1U);
  EXPECT_EQ(events("error"), 1U);
}

TEST_F(Kubernetes, TakesTheNewListOnceItIsWhole) {
  start();
  ASSERT_TRUE(run_until_watching());
  pods_ = {pod_2};
  version_ = "20";
  api_.send(event_json("ERROR", status_json(410, "Gone", "")));
  ASSERT_TRUE(run_until_published(2));
  EXPECT_EQ(published_.back(), pod_2_words);
  EXPECT_EQ(hints_, strings{"uid-1 removal"});
  ASSERT_TRUE(run_until_asked(4));
  EXPECT_EQ(asked().back(), "watch 20");
}

TEST_F(Kubernetes, ListsFromTheFirstPageAfterA410) {
  const api_answered gone{.status = 410,
                          .body = status_json(410, "Expired", "continue parameter is too old")};
  script_ = {{.body = list_json("10", {pod_2}, "c1")}, gone, {.body = list_json("20", {pod_1})}, gone};
  version_ = "30";
  start();
  ASSERT_TRUE(run_until_watching());
  EXPECT_EQ(asked(), (strings{"list", "list c1", "list", "watch 20", "list", "watch 30"}));
  EXPECT_EQ(published_, strings{pod_1_words}) << "the pod of the broken list is no part of any set";
}

TEST_F(Kubernetes, GivesUpAWatchThatIsSilent) {
  timing_.silence_max = milliseconds{100};
  const time_point before = clock::now();
  start();
  ASSERT_TRUE(run_until_asked(3));
  EXPECT_GE(clock::now() - before, timing_.silence_max);
  EXPECT_EQ(asked(), (strings{"list", "watch 10", "watch 10"}));
  EXPECT_EQ(api_.asked().back().connection, 2U) << "the one before may be dead";
  EXPECT_GE(errors("late"), 1U);
  EXPECT_EQ(published_, strings{pod_1_words});
}

TEST_F(Kubernetes, GivesUpAServerThatIsFrozen) {
  const auto gives_up = [this](duration discovery::api_timing::*deadline) {
    timing_.*deadline = milliseconds{50};
    start();
    EXPECT_TRUE(run_until([&] { return errors("late") >= 2; }));
    timing_.*deadline = beyond_patience;
    source_.reset();
    EXPECT_TRUE(published_.empty());
  };
  {
    SCOPED_TRACE("before TLS");
    api_.set_frozen(true);
    gives_up(&discovery::api_timing::tls_timeout);
    api_.set_frozen(false);
  }
  const api_answered half{.body = list_json("10", {pod_1}).substr(0, 500), .then = api_answered::after::open};
  {
    SCOPED_TRACE("before the header");
    script_.assign(8, {.is_silent = true});
    gives_up(&discovery::api_timing::header_timeout);
  }
  {
    SCOPED_TRACE("amid a page");
    script_.assign(8, half);
    gives_up(&discovery::api_timing::page_timeout);
  }
}

TEST_F(Kubernetes, KeepsTheLastGoodSetWhileTheApiIsGone) {
  start();
  ASSERT_TRUE(run_until_watching());
  api_.send(event_json(
      "ADDED", sample_pod{.name = "pg-2", .uid = "uid-2", .version = "17", .address = "10.0.0.2"}.json()));
  ASSERT_TRUE(run_until_published(2));
  api_.stop_listening();
  api_.cut();
  ASSERT_TRUE(run_until([&] { return errors("no_connection") >= 4; }));
  EXPECT_FALSE(figures().is_watching);
  EXPECT_EQ(published_.size(), 2U) << "API down: nothing changes";
  EXPECT_TRUE(hints_.empty());
  api_.listen_again();
  ASSERT_TRUE(run_until_watching());
  EXPECT_EQ(asked().back(), "watch 17") << "no list: nothing is missed";
  EXPECT_EQ(published_.size(), 2U);
}

TEST_F(Kubernetes, AsksSoonerAfterAHint) {
  api_.stop_listening();
  start();
  // By now it waits for seconds.
  ASSERT_TRUE(run_until([&] { return errors("no_connection") >= 6; }));
  api_.listen_again();
  source_->refresh_now();
  ASSERT_TRUE(run_until_watching());
  const std::size_t requests = api_.asked().size();
  source_->refresh_now();
  api_.send(bookmark_json("11"));
  ASSERT_TRUE(run_until([&] { return events("bookmark") == 1; }));
  EXPECT_EQ(api_.asked().size(), requests) << "an open watch needs no asking";
}

// Ten thousand events: the thread's other business gets its turns, and the set is published a few times.
TEST_F(Kubernetes, LeavesOthersTheirTurnsInAFloodOfEvents) {
  start();
  ASSERT_TRUE(run_until_watching());
  std::uint64_t seen = 0;
  std::uint64_t most_at_once = 0;
  const std::function<void()> look = [&] {
    const std::uint64_t now = events("modified");
    most_at_once = std::max(most_at_once, now - seen);
    seen = now;
    if (seen < 10'000) boost::asio::post(context_, look);
  };
  boost::asio::post(context_, look);
  std::string flood;
  for (int i = 1; i <= 10'000; ++i)
    flood += event_json("MODIFIED", sample_pod{.version = std::to_string(100 + i),
                                               .address = "10.0.0." + std::to_string(i % 200 + 1),
                                               .is_ready = i % 2 == 0}
                                        .json());
  const std::size_t event_bytes_min = flood.size() / 10'000 - 10;
  const time_point before = clock::now();
  api_.send(flood);
  ASSERT_TRUE(run_until([&] { return seen == 10'000 && published_.back() == "pg-1:5432 10.0.0.1 uid-1"; }));
  EXPECT_LE(most_at_once, 2 * discovery::api_connection::piece_bytes_max / event_bytes_min + 1);
  const auto gaps = static_cast<std::size_t>((clock::now() - before) / discovery::publish_gap_min);
  EXPECT_LE(published_.size(), gaps + 3) << "sets are handed over no oftener than each publish_gap_min";
}

TEST_F(Kubernetes, MayBeDestroyedFromItsOwnCallbacks) {
  for (const bool is_by_hint : {false, true}) {
    source_ = discovery::make_kubernetes_source(context_, options_, zone_, timing_);
    bool is_called = false;
    source_->start({[&](const auto& /*set*/) {
                      if (is_by_hint) return;
                      is_called = true;
                      source_.reset();
                    },
                    [&](const auto& /*backend*/, discovery::notice /*what*/) {
                      is_called = true;
                      source_.reset();
                    },
                    {}});
    if (is_by_hint) {
      ASSERT_TRUE(run_until_watching());
      api_.send(event_json("DELETED", pod_1.json()));
    }
    ASSERT_TRUE(run_until([&] { return is_called; }));
    api_.cut();
    ASSERT_TRUE(run_until([&] { return api_.open_watches() == 0; }));
  }
}

TEST_F(Kubernetes, CallsNobodyOnceItsCallbackHasStoppedIt) {
  pods_ = {pod_1, pod_2};
  int hints = 0;
  source_ = discovery::make_kubernetes_source(context_, options_, zone_, timing_);
  source_->start({[this](const auto& set) {
                    published_.push_back(words(set));
                    if (published_.size() == 2) source_->stop();
                  },
                  [&](const auto& /*backend*/, discovery::notice /*what*/) { ++hints; },
                  {}});
  ASSERT_TRUE(run_until_watching());
  api_.send(event_json("DELETED", pod_1.json()));
  ASSERT_TRUE(run_until_published(2));
  context_.run_for(2 * discovery::publish_gap_min);
  EXPECT_EQ(hints, 0) << "which would have come after the set";
}

// What came too soon after the last set waits, and is not handed over by a source that is stopped meanwhile.
TEST_F(Kubernetes, DropsWhatWaitsWhenItIsStopped) {
  start();
  ASSERT_TRUE(run_until_watching());
  api_.send(event_json("ADDED", pod_2.json()));
  ASSERT_TRUE(run_until_published(2));
  api_.send(event_json("DELETED", pod_2.json()));
  ASSERT_TRUE(run_until([&] { return events("deleted") == 1; }));
  source_->stop();
  const std::size_t sets = published_.size();
  context_.run_for(2 * discovery::publish_gap_min);
  EXPECT_EQ(published_.size(), sets);
}

// Stopped after each number of turns, that is in each of its states: it ends, and calls nobody any more.
TEST_F(Kubernetes, StopsInEveryState) {
  const auto stop_after = [this](const std::function<void()>& run) {
    start();
    run();
    source_->stop();
    const std::size_t sets = published_.size();
    source_->refresh_now();
    source_.reset();
    api_.send(event_json("ADDED", pod_2.json()));
    api_.cut();
    for (int i = 0; i < 20; ++i) context_.poll();
    EXPECT_EQ(published_.size(), sets);
  };
  for (int turns = 0; turns < 40; ++turns) {
    SCOPED_TRACE(turns);
    const auto run_turns = [&] {
      for (int i = 0; i < turns; ++i) context_.run_one_for(milliseconds{2});
    };
    stop_after(run_turns);
    script_ = {{.is_silent = true}};
    stop_after(run_turns);
    script_.clear();
  }
  stop_after([this] { ASSERT_TRUE(run_until_watching()); });
  api_.stop_listening();
  stop_after([this] { ASSERT_TRUE(run_until([this] { return errors("no_connection") >= 3; })); });
}

}  // namespace
}  // namespace pgsteer::test
