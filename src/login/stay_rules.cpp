#include "pgsteer/login/stay_rules.hpp"

#include <algorithm>

#include "pgsteer/routing/choose.hpp"

namespace pgsteer::login {

using topology::session_verdict;

namespace {

// CloudNativePG stops the old primary 0.1 to 0.5 s after it said so, which ends an open transaction anyway.
constexpr duration quiet_before_a_stop = milliseconds{20};

}  // namespace

bool may_go_on(const runtime::state& present, topology::backend_id backend,
               routing::target_session_attrs route, bool is_slow, time_point now) noexcept {
  const topology::topology_snapshot& snapshot = *present.topology.snapshot;
  const topology::backend_status* status = snapshot.find(backend);
  if (status == nullptr || status->sessions == session_verdict::close_all) return false;
  const bool needs_primary = routing::needs_primary(route);
  if (needs_primary && status->role != topology::role::primary) return false;
  const bool is_eligible = needs_primary ? status->is_rw_eligible && present.is_rw_open(now)
                                         : status->is_answering && !status->order;
  return is_eligible || !is_slow;
}

std::optional<removal> must_leave(const runtime::state& present, topology::backend_id backend,
                                  routing::target_session_attrs route) {
  const topology::backend_status* status = present.topology.snapshot->find(backend);
  if (status == nullptr) return removal{close_reason::fenced, {}};
  if (status->sessions == session_verdict::close_all) {
    return removal{close_reason::fenced,
                   "terminating connection due to failover: " + topology::to_string(status->reason)};
  }
  if (status->sessions == session_verdict::close_read_write && routing::needs_primary(route))
    return removal{close_reason::lost_role, {}};
  if (status->close_when_idle) {
    const duration idle_time = present.options->encrypted_idle_time;
    const bool is_announced = status->reason.what == topology::verdict_reason::kind::primary_switching_over;
    return removal{close_reason::backend_shutting_down,
                   is_announced ? "terminating connection because the primary is about to be replaced" : "",
                   status->ends_them_soon ? std::min(quiet_before_a_stop, idle_time) : idle_time};
  }
  if (status->is_drained())
    return removal{close_reason::backend_drained, {}, present.options->encrypted_idle_time};
  return std::nullopt;
}

std::vector<endpoint> cancel_candidates(const topology::topology_snapshot& snapshot,
                                        routing::target_session_attrs route) {
  std::vector<endpoint> candidates;
  const bool needs_primary = routing::needs_primary(route);
  for (const topology::backend_status& status : snapshot.backends) {
    const bool may_have_it = needs_primary ? snapshot.primary == status.id : status.is_answering;
    if (may_have_it && status.sessions != session_verdict::close_all) candidates.push_back(status.address);
  }
  return candidates;
}

}  // namespace pgsteer::login
