// In which zone pods and pgsteer itself run, as a Kubernetes source finds out against a fake API server.
#include <cstdlib>

#include "integration/kubernetes_world.hpp"

namespace pgsteer::test {
namespace {

constexpr const char* slices_path = "/apis/discovery.k8s.io/v1/namespaces/db/endpointslices";

// pg-1 runs in east and pg-2 in west.
class KubernetesZones : public kubernetes_world {
 protected:
  KubernetesZones() {
    ::unsetenv("POD_ZONE");
    ::unsetenv("POD_NAME");
    pods_ = {pod_1, pod_2};
  }
  ~KubernetesZones() override {
    ::unsetenv("POD_ZONE");
    ::unsetenv("POD_NAME");
  }

  // From Kubernetes 1.35 on.
  void label_pods() {
    pods_[0].labels = R"("topology.kubernetes.io/zone":"east")";
    pods_[1].labels = R"("topology.kubernetes.io/zone":"west")";
  }
  void make_slices() {
    slices_ = {{"s1", {{.pod = "pg-1"}, {.pod = "pg-2", .zone = R"("zone":"west",)"}}}};
    slices_[0].endpoints[0].uid = "uid-1";
    slices_[0].endpoints[1].uid = "uid-2";
  }
  [[nodiscard]] std::size_t slice_requests() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        api_.asked(), [](const api_asked& each) { return each.target.starts_with(slices_path); }));
  }
  bool run_until_published_last(const std::string& expected) {
    return run_until([&] { return !published_.empty() && published_.back() == expected; });
  }
};

const std::string in_two_zones = pod_1_words + " in east, near; " + pod_2_words + " in west";

TEST_F(KubernetesZones, AreThePodsLabels) {
  label_pods();
  zone_ = "east";
  options_.zone_services = {"pg-r"};
  start();
  ASSERT_TRUE(run_until_watching());
  EXPECT_EQ(published_.back(), in_two_zones);
  EXPECT_EQ(slice_requests(), 0U) << "nothing is missing";
}

TEST_F(KubernetesZones, TheOwnOneIsPodZone) {
  label_pods();
  ::setenv("POD_ZONE", "east", 1);
  start();
  ASSERT_TRUE(run_until_watching());
  EXPECT_EQ(published_.back(), in_two_zones);
}

TEST_F(KubernetesZones, TheOwnOneMayBeOff) {
  label_pods();
  ::setenv("POD_ZONE", "east", 1);
  zone_ = "";
  start();
  ASSERT_TRUE(run_until_watching());
  EXPECT_EQ(published_.back(), pod_1_words + " in east; " + pod_2_words + " in west");
}

TEST_F(KubernetesZones, AreReadFromEndpointSlicesWherePodsCarryNone) {
  make_slices();
  zone_ = "east";
  options_.zone_services = {"pg-r"};
  start();
  ASSERT_TRUE(run_until_published_last(in_two_zones));
  EXPECT_EQ(published_.front(), pod_1_words + "; " + pod_2_words) << "backends do not wait for their zones";
  ASSERT_TRUE(run_until_watching(2));
  const auto asked = std::ranges::find_if(
      api_.asked(), [](const api_asked& each) { return each.target.starts_with(slices_path); });
  EXPECT_EQ(asked->parameter("labelSelector"), "kubernetes.io%2Fservice-name%20in%20%28pg-r%29");
  EXPECT_TRUE(hints_.empty());
  EXPECT_EQ(source_->figures().size(), 2U);
}

TEST_F(KubernetesZones, OfAClusterAreReadFromItsServices) {
  options_.label_selector = "";
  options_.cnpg_cluster = "pg";
  EXPECT_EQ(zone_services_of(options_), (std::vector<std::string>{"pg-rw", "pg-ro", "pg-r"}));
  options_.zone_services = {"pgsteer"};
  EXPECT_EQ(zone_services_of(options_), (std::vector<std::string>{"pgsteer", "pg-rw", "pg-ro", "pg-r"}));
}

TEST_F(KubernetesZones, AreNotAskedForWithoutAnOwnOne) {
  make_slices();
  options_.label_selector = "";
  options_.cnpg_cluster = "pg";
  start();
  ASSERT_TRUE(run_until_watching(3));
  EXPECT_EQ(slice_requests(), 0U);
  EXPECT_EQ(published_.back(), pod_1_words + "; " + pod_2_words);
}

// Its own Service is among those named.
TEST_F(KubernetesZones, TheOwnOneIsThatOfTheOwnPod) {
  label_pods();
  slices_ = {{"s1", {{.pod = "pgsteer-5d4c", .zone = R"("zone":"west",)"}}}};
  options_.zone_services = {"pgsteer"};
  ::setenv("POD_NAME", "pgsteer-5d4c", 1);
  start();
  const std::string near_west = pod_1_words + " in east; " + pod_2_words + " in west, near";
  ASSERT_TRUE(run_until_published_last(near_west));
  ASSERT_TRUE(run_until_watching(2));
  const sample_slice corrected{"s1", {{.pod = "pgsteer-5d4c"}}};
  api_.send(event_json("MODIFIED", corrected.json()));
  ASSERT_TRUE(run_until_published_last(in_two_zones)) << "somebody has labelled its machine anew";
  EXPECT_EQ(source_->own_zone(), "east");
  api_.send(event_json("MODIFIED", sample_slice{"s1", {}}.json()) +
            event_json("ADDED", sample_slice{"s2", {}}.json()));
  ASSERT_TRUE(run_until([&] { return figures("endpointslices").events.at("added") == 1; }));
  EXPECT_EQ(published_.back(), in_two_zones) << "it is where it was";
}

// Its Service is gone, or switched to others: it runs where it ran.
TEST_F(KubernetesZones, StayThoseOfAPodForAsLongAsItIsThere) {
  make_slices();
  zone_ = "east";
  options_.zone_services = {"pg-r"};
  start();
  ASSERT_TRUE(run_until_published_last(in_two_zones));
  ASSERT_TRUE(run_until_watching(2));
  api_.send(event_json("DELETED", slices_[0].json()));
  ASSERT_TRUE(run_until([&] { return figures("endpointslices").events.at("deleted") == 1; }));
  const std::size_t sets = published_.size();
  EXPECT_EQ(published_.back(), in_two_zones);
  api_.send(event_json("ADDED", sample_pod{.name = "pg-3", .uid = "uid-3", .address = "10.0.0.3"}.json()));
  ASSERT_TRUE(run_until_published(sets + 1));
  EXPECT_EQ(published_.back(), in_two_zones + "; pg-3:5432 10.0.0.3 uid-3");
}

TEST_F(KubernetesZones, MayBeStoppedWhileTheyAreWatched) {
  make_slices();
  zone_ = "east";
  options_.zone_services = {"pg-r"};
  start();
  ASSERT_TRUE(run_until_watching(2));
  source_->stop();
  api_.cut();
  ASSERT_TRUE(run_until([&] { return api_.open_watches() == 0; }));
  source_ = discovery::make_kubernetes_source(context_, options_, zone_, timing_);
  std::size_t sets = 0;
  source_->start({[&](const auto& /*set*/) {
                    if (++sets == 2) source_.reset();
                  },
                  {},
                  {}});
  ASSERT_TRUE(run_until([&] { return source_ == nullptr; })) << "from the call that brings the zones";
}

// No standby is lost.
TEST_F(KubernetesZones, AreUnknownWithoutTheRight) {
  make_slices();
  zone_ = "east";
  options_.zone_services = {"pg-r"};
  api_.respond = [this](const api_asked& asked) -> api_answered {
    if (asked.target.starts_with(slices_path))
      return {.status = 403, .body = status_json(403, "Forbidden", "no")};
    return answer(asked);
  };
  start();
  ASSERT_TRUE(run_until([&] {
    const auto told = figures("endpointslices").errors;
    return told.contains("forbidden") && told.at("forbidden") >= 2;
  }));
  EXPECT_EQ(published_, std::vector<std::string>{pod_1_words + "; " + pod_2_words});
}

}  // namespace
}  // namespace pgsteer::test
