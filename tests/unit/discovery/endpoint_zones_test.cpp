// Which pod runs in which zone, as EndpointSlices tell.
#include "discovery/endpoint_zones.hpp"

#include <gtest/gtest.h>

#include "discovery/errc.hpp"
#include "unit/discovery/endpoint_samples.hpp"

namespace pgsteer::discovery::samples {
namespace {

class fed_zones {
 public:
  error_code list(const std::vector<sample_slice>& slices) {
    const error_code ec = begin_list(slices);
    if (!ec) zones_.end_list();
    return ec;
  }
  error_code begin_list(const std::vector<sample_slice>& slices) {
    error_code ec;
    list_reader reader(resource_, [&](const api_object& object) {
      if (!ec) ec = zones_.add(object);
    });
    zones_.begin_list();
    EXPECT_FALSE(reader.consume(list_json("7", slices)));
    return ec;
  }
  error_code apply(const std::string& type, const sample_slice& of) {
    error_code ec;
    watch_reader reader(resource_, [&](const watch_event& event) { ec = zones_.apply(event); });
    EXPECT_FALSE(reader.consume(event_json(type, of.json())));
    return ec;
  }
  // "pg-1 east; pg-2 west", by UID and by name
  [[nodiscard]] std::string words() const {
    std::string out;
    for (const std::string pod : {"pg-1", "pg-2", "pg-3", "pg-4"}) {
      const std::string_view zone = zones_.of_pod("uid-" + pod);
      EXPECT_EQ(zones_.of_pod_named(pod), zone);
      if (!zone.empty()) out += (out.empty() ? "" : "; ") + pod + " " + std::string(zone);
    }
    return out;
  }
  endpoint_zones& zones() { return zones_; }

 private:
  const api_resource resource_ = endpoint_zones::resource({"pg-r"});
  endpoint_zones zones_;
};

const sample_endpoint in_west{.pod = "pg-2", .zone = R"("zone":"west",)"};

TEST(EndpointZones, AreThoseOfPods) {
  fed_zones fed;
  ASSERT_FALSE(fed.list({{"s1", {{}, in_west}}, {"s2", {{.pod = "pg-3"}}}}));
  EXPECT_EQ(fed.words(), "pg-1 east; pg-2 west; pg-3 east");
}

TEST(EndpointZones, OfWhoHasNoneOrIsNoPodAreNotKnown) {
  fed_zones fed;
  ASSERT_FALSE(fed.list({{"s1",
                          {{.zone = ""},
                           {.pod = "pg-2", .zone = R"("zone":null,)"},
                           {.kind = "Node"},
                           {.pod = "pg-3", .zone = R"("zone":"<b>",)"},
                           {.pod = std::string(300, 'x')}}}}));
  EXPECT_EQ(fed.words(), "");
  ASSERT_FALSE(fed.list({{"s1", {}}})) << "a Service that selects nobody";
  EXPECT_EQ(fed.words(), "");
}

TEST(EndpointZones, FollowTheEvents) {
  fed_zones fed;
  ASSERT_FALSE(fed.list({{"s1", {{}}}}));
  EXPECT_TRUE(fed.zones().take_change());
  ASSERT_FALSE(fed.apply("ADDED", {"s2", {in_west}}));
  EXPECT_EQ(fed.words(), "pg-1 east; pg-2 west");
  ASSERT_FALSE(fed.apply("MODIFIED", {"s1", {}}));
  EXPECT_EQ(fed.words(), "pg-2 west");
  EXPECT_TRUE(fed.zones().take_change());
  ASSERT_FALSE(fed.apply("MODIFIED", {"s2", {in_west}}));
  EXPECT_FALSE(fed.zones().take_change()) << "what changed is no zone";
  ASSERT_FALSE(fed.apply("DELETED", {"s2", {in_west}}));
  EXPECT_EQ(fed.words(), "");
  EXPECT_TRUE(fed.zones().take_change());
}

TEST(EndpointZones, OfABrokenListAreNotBelieved) {
  fed_zones fed;
  ASSERT_FALSE(fed.list({{"s1", {{}}}}));
  fed.begin_list({{"s1", {in_west}}});
  EXPECT_EQ(fed.words(), "pg-1 east");
}

TEST(EndpointZones, ASelectorThatMatchesTooMuchIsRefused) {
  fed_zones fed;
  const std::size_t most = endpoint_zones::endpoints_max / 1'001;
  const std::vector<sample_endpoint> thousand(1'000);
  std::vector<sample_slice> slices;
  for (std::size_t i = 0; i < most; ++i) slices.push_back({"s" + std::to_string(i), thousand});
  EXPECT_FALSE(fed.list(slices));
  EXPECT_EQ(fed.apply("ADDED", {"more", thousand}), errc::too_many);
  EXPECT_EQ(fed.apply("MODIFIED", {"s0", std::vector<sample_endpoint>(2'000)}), errc::too_many);
  EXPECT_EQ(fed.words(), "pg-1 east") << "what was known stays known";
  EXPECT_FALSE(fed.apply("MODIFIED", slices.front())) << "it is there already";
  slices.push_back({"more", thousand});
  EXPECT_EQ(fed.list(slices), errc::too_many);
}

TEST(EndpointZones, AreAskedOfTheServicesNamed) {
  const api_resource asked = endpoint_zones::resource({"pg-r", "pgsteer"});
  EXPECT_EQ(asked.label_selector, "kubernetes.io/service-name in (pg-r,pgsteer)");
  EXPECT_EQ(asked.group_path + "/" + asked.plural, "/apis/discovery.k8s.io/v1/endpointslices");
}

}  // namespace
}  // namespace pgsteer::discovery::samples
