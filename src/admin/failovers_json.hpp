#pragma once
// The body of /api/v1/failovers: the history of failovers and role changes, newest first.
//
// Its keys are a contract: README, "Admin API". Pure; control thread.
#include <string>

#include "pgsteer/story/history.hpp"

namespace pgsteer::admin {

[[nodiscard]] std::string failovers_json(const story::history& of, time_point now);

}  // namespace pgsteer::admin
