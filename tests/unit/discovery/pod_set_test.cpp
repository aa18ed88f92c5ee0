#include "discovery/pod_set.hpp"

#include <gtest/gtest.h>

#include "discovery/errc.hpp"
#include "unit/discovery/api_samples.hpp"

namespace pgsteer::discovery::samples {
namespace {

// A pod set that is fed with JSON, as by the API.
class fed_pods {
 public:
  error_code list(const std::vector<sample_pod>& pods) {
    error_code ec;
    list_reader reader(resource_, [&](const api_object& object) {
      if (!ec) ec = pods_.add(object);
    });
    pods_.begin_list();
    EXPECT_FALSE(reader.consume(list_json("1", pods)));
    if (!ec) pods_.end_list();
    return ec;
  }
  error_code apply(const std::string& type, const sample_pod& of) {
    error_code ec;
    watch_reader reader(resource_, [&](const watch_event& event) { ec = pods_.apply(event); });
    EXPECT_FALSE(reader.consume(event_json(type, of.json())));
    return ec;
  }
  // "pg-1:5432 10.0.0.1:5432 uid-1; ..."
  [[nodiscard]] std::string candidates() const {
    std::string out;
    for (const discovered_backend& each : pods_.candidates())
      out += (out.empty() ? "" : "; ") + each.name + " " + to_string(each.address) + " " + each.identity;
    return out;
  }
  // "uid-1 deletion; uid-2 labels"
  std::string hints() {
    std::string out;
    for (const backend_hint& each : pods_.take_hints())
      out += (out.empty() ? "" : "; ") + each.backend.identity + " " + to_word(each.what);
    return out;
  }
  pod_set& pods() { return pods_; }

 private:
  const api_resource resource_ = pod_set::resource("cnpg.io/cluster=pg");
  pod_set pods_{5432};
};

const sample_pod first;
const sample_pod second{.name = "pg-2", .uid = "uid-2", .address = "10.0.0.2"};

TEST(PodSet, NamesPodsThatRun) {
  fed_pods fed;
  ASSERT_FALSE(fed.list({second, first}));
  EXPECT_EQ(fed.candidates(), "pg-1:5432 10.0.0.1:5432 uid-1; pg-2:5432 10.0.0.2:5432 uid-2");
  EXPECT_EQ(fed.hints(), "") << "they are new";
}

TEST(PodSet, TakesTheZoneFromItsLabel) {
  fed_pods fed;
  ASSERT_FALSE(fed.list({first}));
  EXPECT_EQ(fed.pods().candidates().front().zone, "");
  EXPECT_TRUE(fed.pods().take_change());
  ASSERT_FALSE(fed.apply("MODIFIED", {.labels = R"("topology.kubernetes.io/zone":"east-1")"}));
  EXPECT_TRUE(fed.pods().take_change());
  EXPECT_EQ(fed.pods().candidates().front().zone, "east-1");
}

TEST(PodSet, TakesOnlyWhoRunsAndHasAnAddressAndStays) {
  const std::vector<std::pair<sample_pod, bool>> cases{
      {{.phase = "Pending"}, false},
      {{.phase = "Succeeded"}, false},
      {{.phase = "Failed"}, false},
      {{.address = ""}, false},
      {{.address = "pg-1.example"}, false},
      {{.is_being_deleted = true}, false},
      {{.is_ready = false}, true},  // readiness is a hint only: an old primary may be called unready
      {{.labels = ""}, true},
      {{.address = "fd00::0:1"}, true},
  };
  for (const auto& [pod, is_candidate] : cases) {
    SCOPED_TRACE(pod.json());
    fed_pods fed;
    ASSERT_FALSE(fed.list({pod}));
    EXPECT_EQ(!fed.candidates().empty(), is_candidate);
  }
  fed_pods fed;
  ASSERT_FALSE(fed.list({{.address = "fd00:0::1"}}));
  EXPECT_EQ(fed.candidates(), "pg-1:5432 [fd00::1]:5432 uid-1");
}

TEST(PodSet, FollowsEvents) {
  fed_pods fed;
  ASSERT_FALSE(fed.list({first}));
  ASSERT_FALSE(fed.apply("ADDED", second));
  EXPECT_EQ(fed.candidates(), "pg-1:5432 10.0.0.1:5432 uid-1; pg-2:5432 10.0.0.2:5432 uid-2");
  sample_pod moved = second;
  moved.address = "10.0.0.9";
  ASSERT_FALSE(fed.apply("MODIFIED", moved));
  EXPECT_EQ(fed.candidates(), "pg-1:5432 10.0.0.1:5432 uid-1; pg-2:5432 10.0.0.9:5432 uid-2");
  ASSERT_FALSE(fed.apply("DELETED", first));
  EXPECT_EQ(fed.candidates(), "pg-2:5432 10.0.0.9:5432 uid-2");
  ASSERT_FALSE(fed.apply("DELETED", first)) << "once more";
  ASSERT_FALSE(fed.apply("MODIFIED", first)) << "not known: as if added";
  EXPECT_EQ(fed.candidates(), "pg-1:5432 10.0.0.1:5432 uid-1; pg-2:5432 10.0.0.9:5432 uid-2");
}

TEST(PodSet, KeepsTheLastSetUntilAListIsWhole) {
  fed_pods fed;
  ASSERT_FALSE(fed.list({first, second}));
  fed.pods().begin_list();
  EXPECT_EQ(fed.candidates(), "pg-1:5432 10.0.0.1:5432 uid-1; pg-2:5432 10.0.0.2:5432 uid-2");
  ASSERT_FALSE(fed.list({second}));
  EXPECT_EQ(fed.candidates(), "pg-2:5432 10.0.0.2:5432 uid-2") << "what a list before had begun is no part";
}

// A StatefulSet's pod keeps its name, and its address may be given to the next one.
TEST(PodSet, IsAnotherBackendUnderAnotherUid) {
  fed_pods fed;
  ASSERT_FALSE(fed.list({first}));
  ASSERT_FALSE(fed.apply("DELETED", first));
  ASSERT_FALSE(fed.apply("ADDED", {.uid = "uid-9"}));
  EXPECT_EQ(fed.candidates(), "pg-1:5432 10.0.0.1:5432 uid-9");
}

TEST(PodSet, TakesTheYoungerOfTwoWithOneAddress) {
  const sample_pod old{.uid = "uid-9", .created = "2026-11-28T09:59:59Z"};
  for (const bool is_old_first : {true, false}) {
    fed_pods fed;
    ASSERT_FALSE(fed.list(is_old_first ? std::vector{old, first} : std::vector{first, old}));
    EXPECT_EQ(fed.candidates(), "pg-1:5432 10.0.0.1:5432 uid-1");
    ASSERT_FALSE(fed.apply("MODIFIED", {.is_being_deleted = true}));
    EXPECT_EQ(fed.candidates(), "pg-1:5432 10.0.0.1:5432 uid-9") << "the one that is not deleted";
  }
}

TEST(PodSet, HintsAtWhatChanges) {
  struct {
    const char* name;
    sample_pod now;
    const char* hints;
  } const cases[] = {
      {"nothing", {}, ""},
      {"version only", {.version = "101"}, ""},
      {"not ready", {.is_ready = false}, "uid-1 readiness"},
      {"deletion", {.is_being_deleted = true}, "uid-1 deletion"},
      {"CloudNativePG's role",
       {.labels = R"("cnpg.io/instanceRole":"primary","role":"replica")"},
       "uid-1 labels"},
      {"Patroni's role", {.labels = R"("cnpg.io/instanceRole":"replica","role":"primary")"}, "uid-1 labels"},
      {"no longer an instance", {.labels = R"("cnpg.io/podRole":"pooler")"}, "uid-1 labels"},
      {"a label of somebody else",
       {.labels = R"("cnpg.io/instanceRole":"replica","role":"replica","x":"y")"},
       ""},
      {"all at once",
       {.labels = "", .is_ready = false, .is_being_deleted = true},
       "uid-1 deletion; uid-1 readiness; uid-1 labels"},
      {"it does not run any more", {.phase = "Failed", .is_ready = false}, "uid-1 readiness"},
  };
  for (const auto& row : cases) {
    SCOPED_TRACE(row.name);
    fed_pods by_event;
    ASSERT_FALSE(by_event.list({first, second}));
    ASSERT_FALSE(by_event.apply("MODIFIED", row.now));
    EXPECT_EQ(by_event.hints(), row.hints);
    EXPECT_EQ(by_event.hints(), "") << "taken";
    fed_pods by_list;
    ASSERT_FALSE(by_list.list({first, second}));
    ASSERT_FALSE(by_list.list({row.now, second}));
    EXPECT_EQ(by_list.hints(), row.hints) << "after a watch was lost";
  }
}

TEST(PodSet, HintsAtARemoval) {
  fed_pods fed;
  ASSERT_FALSE(fed.list({first, second}));
  ASSERT_FALSE(fed.apply("DELETED", first));
  EXPECT_EQ(fed.hints(), "uid-1 removal");
  ASSERT_FALSE(fed.list({}));
  EXPECT_EQ(fed.hints(), "uid-2 removal");
}

TEST(PodSet, HintsOnceHoweverOften) {
  fed_pods fed;
  ASSERT_FALSE(fed.list({first}));
  for (int i = 0; i < 100; ++i) ASSERT_FALSE(fed.apply("MODIFIED", {.is_ready = i % 2 == 0}));
  EXPECT_EQ(fed.hints(), "uid-1 readiness");
}

TEST(PodSet, HintsAtNobodyWhoNeverRan) {
  fed_pods fed;
  const sample_pod pending{.address = "", .phase = "Pending", .is_ready = false};
  ASSERT_FALSE(fed.list({pending}));
  ASSERT_FALSE(fed.apply("MODIFIED", first));
  ASSERT_FALSE(fed.apply("MODIFIED", pending));
  static_cast<void>(fed.hints());
  ASSERT_FALSE(fed.apply("DELETED", pending));
  EXPECT_EQ(fed.hints(), "");
}

TEST(PodSet, SaysWhenTheCandidatesMayHaveChanged) {
  fed_pods fed;
  ASSERT_FALSE(fed.list({first}));
  EXPECT_TRUE(fed.pods().take_change());
  EXPECT_FALSE(fed.pods().take_change());
  const auto changes = [&](const char* type, const sample_pod& pod) {
    EXPECT_FALSE(fed.apply(type, pod));
    return fed.pods().take_change();
  };
  EXPECT_FALSE(changes("MODIFIED", {.version = "101", .labels = "", .is_ready = false}));
  EXPECT_TRUE(changes("MODIFIED", {.address = "10.0.0.7"}));
  EXPECT_TRUE(changes("MODIFIED", {.address = "10.0.0.7", .is_being_deleted = true}));
  EXPECT_FALSE(changes("DELETED", {.address = "10.0.0.7", .is_being_deleted = true}));
  EXPECT_FALSE(changes("ADDED", {.uid = "uid-3", .phase = "Pending"}));
  EXPECT_TRUE(changes("ADDED", second));
  EXPECT_TRUE(changes("DELETED", second));
}

TEST(PodSet, IsBounded) {
  fed_pods fed;
  std::vector<sample_pod> many(pod_set::pods_max);
  for (std::size_t i = 0; i < many.size(); ++i) many[i].uid = "uid-" + std::to_string(i);
  ASSERT_FALSE(fed.list(many));
  EXPECT_EQ(fed.apply("ADDED", {.uid = "one more"}), errc::too_many);
  many.push_back({.uid = "one more"});
  EXPECT_EQ(fed.list(many), errc::too_many);
  EXPECT_FALSE(fed.candidates().empty()) << "the last good set";
}

TEST(PodSet, AsksForPodsByTheSelector) {
  const api_resource resource = pod_set::resource("a=b");
  EXPECT_EQ(resource.group_path + "/" + resource.plural, "/api/v1/pods");
  EXPECT_EQ(resource.label_selector, "a=b");
}

// Its manager keeps PostgreSQL from running there. It is asked all the same: somebody may have promoted it.
TEST(PodSet, WithholdsWhoIsFenced) {
  fed_pods fed;
  ASSERT_FALSE(fed.list({first, second}));
  ASSERT_TRUE(fed.pods().take_change());
  const auto withheld = [&] {
    std::string out;
    for (const discovered_backend& each : fed.pods().candidates())
      out += each.is_withheld ? each.name + " " : "";
    return out;
  };
  fed.pods().withhold({false, {"pg-1", "pg-7"}});
  EXPECT_TRUE(fed.pods().take_change());
  EXPECT_EQ(withheld(), "pg-1:5432 ");
  EXPECT_EQ(fed.candidates(), "pg-1:5432 10.0.0.1:5432 uid-1; pg-2:5432 10.0.0.2:5432 uid-2");
  fed.pods().withhold({false, {"pg-1", "pg-7"}});
  EXPECT_FALSE(fed.pods().take_change()) << "the same again";
  fed.pods().withhold({true, {}});
  EXPECT_EQ(withheld(), "pg-1:5432 pg-2:5432 ");
  fed.pods().withhold({});
  EXPECT_EQ(withheld(), "");
}

TEST(PodSet, FindsAPodByItsName) {
  fed_pods fed;
  sample_pod again = first;
  again.uid = "uid-9";
  again.created = "2026-11-28T10:00:05Z";
  again.is_being_deleted = true;
  ASSERT_FALSE(fed.list({again, first, {.name = "pg-3", .uid = "uid-3", .phase = "Pending"}}));
  EXPECT_EQ(fed.pods().named("pg-1").value_or(discovered_backend{}).identity, "uid-9") << "made last";
  EXPECT_FALSE(fed.pods().named("pg-2"));
  EXPECT_FALSE(fed.pods().named("pg-3")) << "it does not run";
  EXPECT_FALSE(fed.pods().named(""));
}

}  // namespace
}  // namespace pgsteer::discovery::samples
