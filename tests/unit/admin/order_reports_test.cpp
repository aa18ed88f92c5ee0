#include "admin/order_reports.hpp"

#include <gtest/gtest.h>

namespace pgsteer::admin {
namespace {

using order_kind = topology::operator_order::kind;
using order_outcome = backend_order_report::outcome;

TEST(OrderReports, AnOrderIsReadAsItWasWritten) {
  for (const backend_order& said : {backend_order{"10.0.0.2:5432", order_kind::drain, seconds{600}},
                                    {"pg \"2\":5432", order_kind::disable, milliseconds{1500}},
                                    {"b", order_kind::disable, {}},
                                    {"b", {}, {}}}) {
    json_body body(to_json(said));
    const backend_order heard = read_backend_order(body);
    EXPECT_EQ(body.problem(), "") << to_json(said);
    EXPECT_EQ(heard.backend, said.backend);
    EXPECT_EQ(heard.wanted, said.wanted);
    EXPECT_EQ(heard.time, said.time);
  }
}

TEST(OrderReports, AnOrderThatIsNoneIsTold) {
  const struct {
    const char* text;
    const char* problem;
  } rows[] = {
      {"", "backend: expected a string"},
      {R"({"backend": "b"})", "order: expected a string"},
      {R"({"backend": "b", "order": "stop"})", "order: expected disable, drain or resume"},
      {R"({"backend": "b", "order": "drain", "seconds": 0.5})",
       "seconds: expected 1 to 31536000, of disable or drain"},
      {R"({"backend": "b", "order": "drain", "seconds": 1e300})",
       "seconds: expected 1 to 31536000, of disable or drain"},
      {R"({"backend": "b", "order": "drain", "seconds": -5})",
       "seconds: expected 1 to 31536000, of disable or drain"},
      {R"({"backend": "b", "order": "resume", "seconds": 5})",
       "seconds: expected 1 to 31536000, of disable or drain"},
      {R"({"backend": "b", "order": "drain", "secnods": 5})", "secnods: not known here"},
  };
  for (const auto& row : rows) {
    json_body body(row.text);
    (void)read_backend_order(body);
    EXPECT_EQ(body.problem(), row.problem) << row.text;
  }
}

TEST(OrderReports, WhatBecameOfAnOrderIsReadAsItWasWritten) {
  for (const order_outcome what :
       {order_outcome::done, order_outcome::unknown, order_outcome::ambiguous, order_outcome::impossible}) {
    for (const std::optional<order_kind> before :
         {std::optional<order_kind>(), std::optional(order_kind::drain)}) {
      const backend_order_report said{what, "why \"not\"", "pg-2 (10.0.0.2:5432)", before, true, 12};
      const auto heard = read_backend_order_report(to_json(said));
      ASSERT_TRUE(heard);
      EXPECT_EQ(heard->what, said.what);
      EXPECT_EQ(heard->problem, said.problem);
      EXPECT_EQ(heard->backend, said.backend);
      EXPECT_EQ(heard->before, said.before);
      EXPECT_TRUE(heard->is_primary);
      EXPECT_EQ(heard->sessions, 12U);
    }
  }
  const auto drained = read_drain_report(to_json(drain_report{"no", true, 3}));
  ASSERT_TRUE(drained);
  EXPECT_EQ(drained->problem, "no");
  EXPECT_TRUE(drained->has_begun_before);
  EXPECT_EQ(drained->sessions, 3U);
}

TEST(OrderReports, AreNothingForAnyOtherDocument) {
  for (const std::string other : {"", "{}", "[]", "not found\n", R"({"outcome": "done"})",
                                  R"({"outcome": "perhaps", "problem": "", "backend": "b"})"}) {
    EXPECT_FALSE(read_backend_order_report(other)) << other;
    EXPECT_FALSE(read_drain_report(other)) << other;
  }
}

}  // namespace
}  // namespace pgsteer::admin
