#include "pgsteer/topology/options.hpp"

namespace pgsteer::topology {

// With a role_ttl of zero knowledge is too old when it arrives; with a shorter dead_after sessions are closed
// before new logins are held.
bool are_valid(const topology_options& options) noexcept {
  return options.role_ttl > duration::zero() && options.dead_after >= options.role_ttl;
}

}  // namespace pgsteer::topology
