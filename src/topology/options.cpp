#include "pgsteer/topology/options.hpp"

namespace pgsteer::topology {

// With a role_ttl of zero knowledge is too old when it arrives; with a shorter dead_after sessions are closed
// before new logins are held.
bool are_valid(const topology_options& options) noexcept {
  return options.role_ttl > duration::zero() && options.dead_after >= options.role_ttl &&
         options.settle.value_or(duration::zero()) >= duration::zero() &&
         options.cnpg_settle >= duration::zero() && options.switchover_hold >= duration::zero();
}

std::string_view to_string(smart_shutdown value) noexcept {
  switch (value) {
    case smart_shutdown::end_idle_sessions:
      return "end-idle-sessions";
    case smart_shutdown::keep_sessions:
      return "keep-sessions";
  }
  return "unknown";
}

}  // namespace pgsteer::topology
