#pragma once
// Which backends a route may use at all, before balance and before what was tried.
//
// Private to routing; pure.
#include "pgsteer/routing/choose.hpp"

namespace pgsteer::routing {

// What a route asks of a backend.
enum class want { any, primary, standby };

// True if the backend may take a session with this want now, its lag included.
[[nodiscard]] bool is_eligible(want wanted, const topology::backend_status& backend,
                               const choice_input& input) noexcept;

[[nodiscard]] bool was_tried(const topology::backend_status& backend, const choice_input& input) noexcept;

// True if the standby is within the policy's bounds. An unknown replay_delay is beyond any bound, unless not
// one byte is missing.
[[nodiscard]] bool is_within_lag(const topology::backend_status& standby,
                                 const route_policy& policy) noexcept;

}  // namespace pgsteer::routing
