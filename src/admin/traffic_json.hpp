#pragma once
// The body of /api/v1/traffic: what the status page works rates out from, and whether it is up to date.
//
// Totals and the time they were read at; no rates: whoever asks has an interval of its own, and nothing is
// kept for those who do not ask. Its keys are a contract: README, "Admin API". Pure; control thread.
#include <string>

#include "admin/readiness.hpp"
#include "pgsteer/admin/admin_server.hpp"

namespace pgsteer::admin {

// history_revision: story::history::revision().
[[nodiscard]] std::string traffic_json(const readiness& ready, const traffic_view& view,
                                       std::uint64_t history_revision);

}  // namespace pgsteer::admin
