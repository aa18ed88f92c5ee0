#pragma once
// The status page's tables of listeners and backends. src/admin/page/tables.js builds the same rows.
//
// Pure; any thread.
#include <string>

#include "admin/readiness.hpp"
#include "pgsteer/admin/admin_server.hpp"

namespace pgsteer::admin {

[[nodiscard]] std::string listeners_section(const readiness& ready, const traffic_view& traffic);
[[nodiscard]] std::string backends_section(const topology_view& view);

}  // namespace pgsteer::admin
