#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "unit/admin/sample.hpp"

namespace pgsteer::admin {
namespace {

// The whole document, byte for byte: names, order and types of the keys are a contract.
TEST(TopologyJson, IsTheDocumentOfTheContract) {
  const std::string expected =
      R"({"generation":7,"system_identifier":"7711374223114453103","fence_timeline":2,"primary":"10.0.0.2:5432",)"
      R"("backends":[)"
      R"({"address":"10.0.0.1:5432","role":"unknown","timeline":0,"lsn":"0/0","replay_lag_bytes":0,)"
      R"("rw_eligible":false,"ro_eligible":false,"reason":"primary on timeline 1, below the fence 2",)"
      R"("sessions":0,"probe_age_ms":null,)"
      R"("name":"\"><script>alert('1')</script>&\u001b[2J l)"
      "\xef\xbf\xbd"
      R"(uft","outcome":null,"replay_delay_ms":null,"leaving":true,"connections_free":null,)"
      R"("zone":null,"own_zone":false,"id":1,"order":{"kind":"drain","left_ms":600000}},)"
      R"({"address":"10.0.0.2:5432","role":"primary","timeline":2,"lsn":"0/BAF6F78","replay_lag_bytes":0,)"
      R"("rw_eligible":true,"ro_eligible":false,"reason":"primary on the highest timeline","sessions":12,)"
      R"("probe_age_ms":41,)"
      R"("name":"10.0.0.2:5432","outcome":"answered","replay_delay_ms":null,"leaving":false,"connections_free":47,)"
      R"("zone":"west-2","own_zone":false,"id":2,"order":null},)"
      R"({"address":"[fd00::3]:5432","role":"standby","timeline":2,"lsn":"16/B374D848","replay_lag_bytes":1536,)"
      R"("rw_eligible":false,"ro_eligible":true,"reason":"standby when last known, but the probe's credentials are refused",)"
      R"("sessions":345,)"
      R"("probe_age_ms":3200,)"
      R"("name":"pg-3.example:5432","outcome":"wrong_credentials","replay_delay_ms":250,"leaving":false,"connections_free":null,)"
      R"("zone":"<east>","own_zone":true,"id":3,"order":{"kind":"disable","left_ms":null}}],)"
      R"("ambiguous":false,"zone":"<east>","settling":false})";
  EXPECT_EQ(topology_json(sample_view()), expected);
}

TEST(TopologyJson, HasNoPrimaryAndNoBackendsBeforeTheFirstDecision) {
  EXPECT_EQ(
      topology_json({}),
      R"({"generation":0,"system_identifier":"","fence_timeline":0,"primary":null,"backends":[],"ambiguous":false,"zone":null,"settling":false})");
}

TEST(TopologyJson, CountsNoSessionsForABackendThatTheCallerDidNotCount) {
  topology_view view = sample_view();
  view.sessions.resize(1);
  const auto document = boost::json::parse(topology_json(view));
  EXPECT_EQ(document.at("backends").at(2).at("sessions"), 0);
}

TEST(TopologyJson, NeverShowsANegativeAge) {
  topology_view view = sample_view();
  view.now -= seconds{10};
  const auto document = boost::json::parse(topology_json(view));
  EXPECT_EQ(document.at("backends").at(1).at("probe_age_ms"), 0);
}

}  // namespace
}  // namespace pgsteer::admin
