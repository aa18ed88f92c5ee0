#include "admin/failovers_json.hpp"

#include <gtest/gtest.h>

#include "unit/admin/sample.hpp"

namespace pgsteer::admin {
namespace {

// The whole document, byte for byte: names, order and types of the keys are a contract.
TEST(FailoversJson, IsTheDocumentOfTheContract) {
  const std::string name = R"("\"><script>alert('1')</script>&\u001b[2J l)"
                           "\xef\xbf\xbd"
                           R"(uft")";
  EXPECT_EQ(
      failovers_json(sample_history(), sample_view().now),
      R"({"revision":9,"failovers_max":20,"failovers":[)"
      R"({"number":2,"stage":"lost","began_at_ms":1764432997000,"sign":"a probe is late",)"
      R"("from":{"address":"10.0.0.2:5432","name":"10.0.0.2:5432","timeline":2},"to":null,)"
      R"("detect_ms":0,"prove_ms":null,"settle_ms":null,"login_ms":null,"total_ms":null,"elapsed_ms":3000,)"
      R"("sessions":3,"empty_ms":null,"logins_held":0,"logins_released":0,"logins_expired":0,"stale_refusals":0},)"
      R"({"number":1,"stage":"over","began_at_ms":1764432900000,"sign":"connection_lost",)"
      R"("from":{"address":"10.0.0.1:5432","name":)" +
          name +
          R"(,"timeline":1},"to":{"address":"10.0.0.2:5432","name":"10.0.0.2:5432","timeline":2},)"
          R"("detect_ms":40,"prove_ms":200,"settle_ms":1000,"login_ms":10,"total_ms":1250,"elapsed_ms":null,)"
          R"("sessions":12,"empty_ms":1060,"logins_held":7,"logins_released":6,"logins_expired":1,"stale_refusals":1}],)"
          R"("role_changes_max":50,"role_changes":[)"
          R"({"at_ms":1764432901000,"address":"10.0.0.1:5432","name":)" +
          name +
          R"(,"from":"primary","to":"standby","timeline":0,"reason":"primary on timeline 1, below the fence 2"}]})");
}

TEST(FailoversJson, IsEmptyAtFirst) {
  EXPECT_EQ(failovers_json({}, {}),
            R"({"revision":0,"failovers_max":20,"failovers":[],"role_changes_max":50,"role_changes":[]})");
}

// Nobody took its place.
TEST(FailoversJson, HasATotalForAPrimaryThatCameBack) {
  story::history told;
  const time_point begin{seconds{10}};
  told.note_loss({{"a", "a", {1}}, 0, "a probe is late", begin, {}}, begin + milliseconds{30}, {});
  told.note_return(begin + milliseconds{830});
  const std::string text = failovers_json(told, begin + seconds{9});
  EXPECT_NE(text.find(R"("stage":"same_primary")"), std::string::npos);
  EXPECT_NE(text.find(R"("to":null,"detect_ms":30,"prove_ms":800,"settle_ms":null,"login_ms":null,)"
                      R"("total_ms":830,"elapsed_ms":null)"),
            std::string::npos);
}

}  // namespace
}  // namespace pgsteer::admin
