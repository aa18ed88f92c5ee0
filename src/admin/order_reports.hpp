#pragma once
// Operator's orders and what is said to them, as JSON between a running pgsteer and the command that asked.
//
// Pure; any thread.
#include <optional>
#include <string>

#include "admin/json_body.hpp"
#include "pgsteer/admin/backend_order.hpp"

namespace pgsteer::admin {

// {"backend": "10.0.0.2:5432", "order": "drain", "seconds": 600}; the order "resume" takes one back. Without
// seconds it stands until then.
[[nodiscard]] std::string to_json(const backend_order& order);
// What is wrong with it is told by body.problem().
[[nodiscard]] backend_order read_backend_order(json_body& body);

// {"outcome": "done", "problem": "", "backend": "10.0.0.2:5432", "before": null, "primary": false,
//  "sessions": 12}
[[nodiscard]] std::string to_json(const backend_order_report& report);
// {"problem": "", "begun_before": false, "sessions": 12}
[[nodiscard]] std::string to_json(const drain_report& report);
// Nothing if it is no report.
[[nodiscard]] std::optional<backend_order_report> read_backend_order_report(const std::string& json);
[[nodiscard]] std::optional<drain_report> read_drain_report(const std::string& json);

}  // namespace pgsteer::admin
