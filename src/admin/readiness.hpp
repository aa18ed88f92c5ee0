#pragma once
// The verdict of /readyz: which listeners could route a session now, and whether pgsteer as a whole is ready.
//
// A value taken from the provider once per request; control thread.
#include <string>
#include <string_view>
#include <vector>

#include "pgsteer/admin/admin_server.hpp"

namespace pgsteer::admin {

struct readiness {
  bool is_draining = false;
  std::vector<listener_readiness> listeners;
};

[[nodiscard]] readiness readiness_of(const admin_provider& provider);

// Any ready listener is enough: with the primary gone, ro must stay behind the load balancer that asks.
[[nodiscard]] bool is_ready(const readiness& value);
// "ready", "not ready" or "draining".
[[nodiscard]] std::string_view to_string(const readiness& value);

// {"ready", "draining", "listeners": [{"name", "address", "route", "ready", "reason"}]}
[[nodiscard]] std::string readiness_json(const readiness& value);

}  // namespace pgsteer::admin
