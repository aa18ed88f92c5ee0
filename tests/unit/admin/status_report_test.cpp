#include "admin/status_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "admin/readiness.hpp"
#include "unit/admin/sample.hpp"

namespace pgsteer::admin {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string a_topology = topology_json(sample_view());
const std::string a_readiness = readiness_json({false, sample_state{}.listeners});

TEST(StatusReport, PrintsAnAlignedTable) {
  const auto report = read_report(a_topology, a_readiness);
  ASSERT_TRUE(report);
  std::ostringstream out;
  print_report(*report, out);
  EXPECT_EQ(out.str(),
            R"(system identifier: 7711374223114453103
primary:           10.0.0.2:5432
fence timeline:    2
generation:        7

LISTENER  ADDRESS       ROUTE           READY  REASON
rw        0.0.0.0:5432  primary         yes
ro        0.0.0.0:5433  prefer-standby  no     no <standby> within max_replay_lag

ADDRESS         ROLE     TIMELINE  LSN          LAG      SESSIONS  RW   RO   PROBE  REASON
10.0.0.1:5432   unknown  -         0/0          -        0         no   no   never  primary on timeline 1, below the fence 2, 10 min left
10.0.0.2:5432   primary  2         0/BAF6F78    -        12        yes  no   41 ms  primary on the highest timeline
[fd00::3]:5432  standby  2         16/B374D848  1.5 KiB  345       no   yes  3.2 s  standby when last known, but the probe's credentials are refused
)");
}

TEST(StatusReport, SaysThatPgsteerDrainsAndThatTheClusterIsAmbiguous) {
  auto report = read_report(a_topology, readiness_json({true, {}}));
  ASSERT_TRUE(report);
  report->is_ambiguous = true;
  report->primary.reset();
  std::ostringstream out;
  print_report(*report, out);
  EXPECT_THAT(out.str(), HasSubstr("draining"));
  EXPECT_THAT(out.str(), HasSubstr("ALARM"));
  EXPECT_THAT(out.str(), HasSubstr("primary:           none\n"));
}

TEST(StatusReport, LetsNoEscapeSequenceThrough) {
  auto report = read_report(a_topology, a_readiness);
  ASSERT_TRUE(report);
  report->backends[0].reason = report->listeners[0].reason = "\x1b]0;owned\x07";
  report->primary = "\x1b[31m";
  std::ostringstream out;
  print_report(*report, out);
  EXPECT_THAT(out.str(), Not(HasSubstr("\x1b")));
}

TEST(StatusReport, IsNothingForAnyOtherDocument) {
  const char* others[] = {"", "null", "[]", "{}", "<html>", "{\"generation\":7}", "{\"generation\":-1}"};
  for (const char* each : others) {
    SCOPED_TRACE(each);
    EXPECT_FALSE(read_report(each, a_readiness));
    EXPECT_FALSE(read_report(a_topology, each));
  }
}

TEST(StatusReport, IsNothingForADocumentThatIsCutShort) {
  for (std::size_t cut = 0; cut < a_topology.size(); ++cut) {
    ASSERT_FALSE(read_report(a_topology.substr(0, cut), a_readiness)) << cut;
  }
}

}  // namespace
}  // namespace pgsteer::admin
