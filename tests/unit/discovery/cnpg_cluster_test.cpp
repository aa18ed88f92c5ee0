// What CloudNativePG's objects say: who is to be replaced, who is fenced, who holds the Lease.
#include "discovery/cnpg_cluster.hpp"

#include <gtest/gtest.h>

#include "discovery/api_reader.hpp"
#include "discovery/single_object.hpp"
#include "unit/discovery/api_samples.hpp"

namespace pgsteer::discovery::samples {
namespace {

// A Cluster, or a Lease, as the API lists it.
std::optional<api_object> listed(const api_resource& resource, const std::string& metadata,
                                 const std::string& rest) {
  single_object kept;
  list_reader reader(resource, [&](const api_object& object) { EXPECT_FALSE(kept.add(object)); });
  EXPECT_FALSE(reader.consume(R"({"kind":"List","metadata":{"resourceVersion":"7"},"items":[{"metadata":{)" +
                              metadata + R"("name":"pg","uid":"u","resourceVersion":"6"},)" + rest + "}]}"));
  EXPECT_FALSE(reader.finish());
  kept.end_list();
  return kept.now();
}

cnpg_cluster with_status(const std::string& status) {
  return read_cnpg_cluster(listed(cnpg_cluster_resource("pg"), "", R"("status":{)" + status + "}"));
}
cnpg_cluster with_annotation(const std::string& name, const std::string& value) {
  return read_cnpg_cluster(listed(cnpg_cluster_resource("pg"),
                                  R"("annotations":{")" + name + R"(":")" + value + R"("},)",
                                  R"("status":{})"));
}

TEST(CnpgCluster, ASwitchoverIsAnotherInstanceAsTheTarget) {
  const auto successor = [](const std::string& current, const std::string& target) {
    return with_status(R"("currentPrimary":")" + current + R"(","phase":"any","targetPrimary":")" + target +
                       "\"")
        .successor()
        .value_or("none");
  };
  EXPECT_EQ(successor("pg-1", "pg-2"), "pg-2");
  EXPECT_EQ(successor("pg-1", "pg-1"), "none");
  EXPECT_EQ(successor("pg-1", "pending"), "none") << "a failover looks for one";
  EXPECT_EQ(successor("", "pg-1"), "none") << "the first primary";
  EXPECT_EQ(with_status("").successor(), std::nullopt);
  EXPECT_EQ(read_cnpg_cluster(std::nullopt), cnpg_cluster{});
}

TEST(CnpgCluster, FencedInstancesStandInAnAnnotation) {
  constexpr const char* fenced = "cnpg.io/fencedInstances";
  const cnpg_cluster some = with_annotation(fenced, R"([\"pg-1\",\"pg-3\"])");
  EXPECT_EQ(some.fenced, (fenced_pods{false, {"pg-1", "pg-3"}}));
  EXPECT_FALSE(some.fenced.contains("pg-2"));
  const cnpg_cluster all = with_annotation(fenced, R"([\"*\"])");
  EXPECT_TRUE(all.fenced.contains("pg-2"));
  EXPECT_EQ(with_annotation(fenced, "[]").fenced, fenced_pods{});
  EXPECT_TRUE(all.malformed_fencing.empty());
}

TEST(CnpgCluster, NobodyIsFencedByAnAnnotationThatCannotBeRead) {
  for (const std::string text : {"pg-1", "{}", R"([\"pg-1\", 7])", R"([\"pg-1\")", R"(\"pg-1\")"}) {
    SCOPED_TRACE(text);
    const cnpg_cluster read = with_annotation("cnpg.io/fencedInstances", text);
    EXPECT_EQ(read.fenced, fenced_pods{});
    EXPECT_FALSE(read.malformed_fencing.empty());
  }
}

TEST(CnpgCluster, EveryInstanceOfAHibernatedClusterIsFenced) {
  EXPECT_TRUE(with_annotation("cnpg.io/hibernation", "on").fenced.are_all);
  EXPECT_FALSE(with_annotation("cnpg.io/hibernation", "off").fenced.are_all);
}

TEST(CnpgCluster, TheLeaseNamesItsHolder) {
  const auto holder = [](const std::string& spec) {
    return read_cnpg_lease(listed(cnpg_lease_resource("pg"), "", R"("spec":{)" + spec + "}"));
  };
  EXPECT_EQ(holder(R"("holderIdentity":"pg-2","leaseTransitions":3)"), "pg-2");
  EXPECT_EQ(holder(R"("holderIdentity":"")"), "") << "released";
  EXPECT_EQ(holder(R"("holderIdentity":null)"), "");
  EXPECT_EQ(holder(""), "");
  EXPECT_EQ(read_cnpg_lease(std::nullopt), "");
}

TEST(CnpgCluster, OneObjectOfItsNameIsAskedFor) {
  EXPECT_EQ(cnpg_cluster_resource("pg").field_selector, "metadata.name=pg");
  EXPECT_EQ(cnpg_lease_resource("pg").field_selector, "metadata.name=pg");
}

TEST(SingleObject, FollowsEventsAndLists) {
  single_object kept;
  const auto event = [&](watch_event::kind what, const std::string& version) {
    EXPECT_FALSE(kept.apply({what, {.uid = "u", .resource_version = version, .fields = {}}, {}}));
  };
  const auto version = [&] { return kept.now() ? kept.now()->resource_version : "none"; };
  EXPECT_EQ(version(), "none");
  event(watch_event::kind::added, "1");
  event(watch_event::kind::modified, "2");
  EXPECT_EQ(version(), "2");
  kept.begin_list();
  EXPECT_EQ(version(), "2") << "until the list is whole";
  kept.end_list();
  EXPECT_EQ(version(), "none") << "the list was empty";
  event(watch_event::kind::added, "3");
  EXPECT_EQ(version(), "3");
  event(watch_event::kind::deleted, "4");
  EXPECT_EQ(version(), "none");
}

}  // namespace
}  // namespace pgsteer::discovery::samples
