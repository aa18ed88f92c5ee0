#include <gtest/gtest.h>

#include <map>
#include <string>

#include "pgsteer/topology/verdict_reason.hpp"

namespace pgsteer::topology {
namespace {

using kind = verdict_reason::kind;

TEST(VerdictReason, IsToldWithItsFiguresAndOutcome) {
  struct row {
    verdict_reason reason;
    const char* words;
  };
  for (const row& each : {
           row{{}, "no verdict yet"},
           {{kind::primary}, "primary on the highest timeline"},
           {{kind::not_probed}, "not probed yet"},
           {{kind::not_probed, probe_outcome::local_trouble},
            "not probed yet, but local trouble kept the probe from asking"},
           {{kind::primary_unusable, probe_outcome::timed_out}, "primary, but no answer in time"},
           {{.what = kind::primary_ordered, .order = operator_order::kind::disable},
            "primary, disabled by the operator"},
           {{.what = kind::standby_ordered, .order = operator_order::kind::drain},
            "standby, drained by the operator"},
           {{.what = kind::standby_unusable,
           .outcome = probe_outcome::refused,
           .order = operator_order::kind::drain},
            "standby, but connection refused, drained by the operator"},
           {{.what = kind::primary_fenced, .timeline = {1}, .fence_timeline = {3}},
            "primary on timeline 1, below the fence 3"},
           {{.what = kind::standby_fenced, .timeline = {1}, .fence_timeline = {3}},
            "standby on timeline 1, below the fence 3"},
           {{.what = kind::standby_ahead, .timeline = {4}, .fence_timeline = {3}},
            "standby on timeline 4, above the primary's 3"},
           {{.what = kind::foreign, .system = {9}, .cluster = {7}},
            "system identifier 9 differs from the cluster's 7"},
       }) {
    EXPECT_EQ(to_string(each.reason), each.words);
  }
}

// With the values that it is given with.
TEST(VerdictReason, IsNeverTakenForAnother) {
  std::map<std::string, int> told;
  for (int i = 0; i <= static_cast<int>(kind::standby_resting); ++i) {
    verdict_reason reason{static_cast<kind>(i)};
    const bool has_outcome = reason.what == kind::primary_unusable || reason.what == kind::standby_unusable;
    if (has_outcome) reason.outcome = probe_outcome::refused;
    const bool has_order = reason.what == kind::primary_ordered || reason.what == kind::standby_ordered;
    if (has_order) reason.order = operator_order::kind::disable;
    const std::string words = to_string(reason);
    EXPECT_TRUE(told.emplace(words, i).second) << words << " stands for " << told[words] << " and " << i;
  }
}

TEST(VerdictReason, DiffersWithEachOfItsValues) {
  const verdict_reason base{kind::primary_fenced, {}, {1}, {3}, {}, {}};
  EXPECT_EQ(base, (verdict_reason{kind::primary_fenced, {}, {1}, {3}, {}, {}}));
  EXPECT_NE(base, (verdict_reason{kind::standby_fenced, {}, {1}, {3}, {}, {}}));
  EXPECT_NE(base, (verdict_reason{kind::primary_fenced, probe_outcome::answered, {1}, {3}, {}, {}}));
  EXPECT_NE(base, (verdict_reason{kind::primary_fenced, {}, {2}, {3}, {}, {}}));
  EXPECT_NE(base, (verdict_reason{kind::primary_fenced, {}, {1}, {4}, {}, {}}));
  EXPECT_NE(base, (verdict_reason{kind::primary_fenced, {}, {1}, {3}, {9}, {}}));
  EXPECT_NE(base, (verdict_reason{kind::primary_fenced, {}, {1}, {3}, {}, {9}}));
  EXPECT_NE(base,
            (verdict_reason{kind::primary_fenced, {}, {1}, {3}, {}, {}, operator_order::kind::disable}));
}

}  // namespace
}  // namespace pgsteer::topology
