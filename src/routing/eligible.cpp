#include "routing/eligible.hpp"

#include <algorithm>

namespace pgsteer::routing {

bool is_within_lag(const topology::backend_status& standby, const route_policy& policy) noexcept {
  if (policy.replay_lag_bytes_max && standby.replay_lag_bytes > *policy.replay_lag_bytes_max) return false;
  if (!policy.replay_delay_max) return true;
  return standby.replay_delay ? *standby.replay_delay <= *policy.replay_delay_max
                              : standby.replay_lag_bytes == 0;
}

bool is_eligible(want wanted, const topology::backend_status& backend, const choice_input& input) noexcept {
  switch (wanted) {
    case want::any:
      if (backend.order || (backend.is_withheld && backend.role != topology::role::primary)) return false;
      return backend.is_answering && !backend.is_leaving &&
             backend.sessions != topology::session_verdict::close_all;
    case want::primary:
      return backend.is_rw_eligible && !input.is_rw_closed && input.snapshot.is_rw_open(input.now);
    case want::standby:
      return backend.is_ro_eligible && is_within_lag(backend, input.policy);
  }
  return false;
}

bool was_tried(const topology::backend_status& backend, const choice_input& input) noexcept {
  return std::ranges::find(input.tried, backend.id) != input.tried.end();
}

}  // namespace pgsteer::routing
