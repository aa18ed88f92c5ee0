#include "admin/traffic_json.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "unit/admin/sample.hpp"

namespace pgsteer::admin {
namespace {

readiness ready_sample() {
  return {false, sample_state{}.listeners};
}

// The whole document, byte for byte: names, order and types of the keys are a contract.
TEST(TrafficJson, IsTheDocumentOfTheContract) {
  EXPECT_EQ(
      traffic_json(ready_sample(), sample_traffic(), 17),
      R"({"version":")" PGSTEER_VERSION R"(","start_time_ms":1764432000125,"at_ms":18000000,)"
      R"("ready":true,"draining":false,"history_revision":17,"listeners":[)"
      R"({"name":"rw","address":"0.0.0.0:5432","route":"primary","ready":true,"reason":"","sessions":3,)"
      R"("accepted_total":41,"rejected_total":2,"logins_held":1,"logins_held_total":9,)"
      R"("logins_released_total":7,"logins_expired_total":5,"bytes_to_backend_total":2048,)"
      R"("bytes_to_client_total":3670016},)"
      R"({"name":"ro","address":"0.0.0.0:5433","route":"prefer-standby","ready":false,)"
      R"("reason":"no <standby> within max_replay_lag","sessions":4,)"
      R"("accepted_total":1234,"rejected_total":0,"logins_held":0,"logins_held_total":0,)"
      R"("logins_released_total":0,"logins_expired_total":0,"bytes_to_backend_total":0,)"
      R"("bytes_to_client_total":0}],"backends":[)"
      R"({"id":1,"sessions":0,"sessions_total":6,"dial_failures_total":8},)"
      R"({"id":2,"sessions":12,"sessions_total":700,"dial_failures_total":0},)"
      R"({"id":3,"sessions":345,"sessions_total":20000,"dial_failures_total":1}],"now_ms":1764433000500})");
}

TEST(TrafficJson, CountsNothingForAListenerThatTheCallerDidNotCount) {
  traffic_view view = sample_traffic();
  view.listeners.resize(1);
  const auto document = boost::json::parse(traffic_json(ready_sample(), view, 0));
  EXPECT_EQ(document.at("listeners").at(1).at("accepted_total"), 0);
}

}  // namespace
}  // namespace pgsteer::admin
