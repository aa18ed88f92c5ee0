#pragma once
// What became of a reload or an upgrade, as JSON between a running pgsteer and the command that asked.
//
// Pure; any thread.
#include <optional>
#include <string>

#include "pgsteer/admin/control_server.hpp"

namespace pgsteer::admin {

// {"outcome": "applied", "problems": [], "changes": [{"key", "before", "after"}], "restart_keys": []}
[[nodiscard]] std::string to_json(const reload_report& report);
// {"outcome": "done", "problem": "", "pid": 4711, "sessions": 12}
[[nodiscard]] std::string to_json(const upgrade_report& report);
// Nothing if it is no report.
[[nodiscard]] std::optional<reload_report> read_reload_report(const std::string& json);
[[nodiscard]] std::optional<upgrade_report> read_upgrade_report(const std::string& json);

}  // namespace pgsteer::admin
