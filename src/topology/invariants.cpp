#include "topology/invariants.hpp"

#include <algorithm>
#include <functional>

#include "pgsteer/base/assert.hpp"

namespace pgsteer::topology {
namespace {

void check_backend(const backend_status& status, const topology_snapshot& snapshot) {
  PGSTEER_ASSERT((status.role == role::primary) == (snapshot.primary == status.id));
  PGSTEER_ASSERT(status.reason.what != verdict_reason::kind::none);
  if (status.is_rw_eligible) {
    PGSTEER_ASSERT(status.role == role::primary);
    PGSTEER_ASSERT(status.timeline == snapshot.fence);
    PGSTEER_ASSERT(status.sessions == session_verdict::keep);
    PGSTEER_ASSERT(snapshot.rw_valid_until.has_value());
  }
  if (status.is_ro_eligible) {
    PGSTEER_ASSERT(status.role == role::standby);
    PGSTEER_ASSERT(status.sessions != session_verdict::close_all);
  }
  PGSTEER_ASSERT(!status.order || (!status.is_rw_eligible && !status.is_ro_eligible));
  if (status.is_rw_eligible || status.is_ro_eligible) {
    PGSTEER_ASSERT(!status.close_when_idle);
    PGSTEER_ASSERT(status.is_answering && (!status.is_leaving || status.is_rw_eligible));
    PGSTEER_ASSERT(snapshot.system.value != 0);
  }
}

}  // namespace

void check_invariants(const topology_snapshot& snapshot) {
  const auto& backends = snapshot.backends;
  PGSTEER_ASSERT(std::ranges::adjacent_find(backends, std::ranges::greater_equal{}, &backend_status::id) ==
                 backends.end());
  PGSTEER_ASSERT(!snapshot.primary || snapshot.find(*snapshot.primary) != nullptr);
  PGSTEER_ASSERT(std::ranges::count(backends, role::primary, &backend_status::role) <= 1);
  PGSTEER_ASSERT(std::ranges::count(backends, true, &backend_status::is_rw_eligible) ==
                 (snapshot.rw_valid_until ? 1 : 0));
  for (const backend_status& status : backends) check_backend(status, snapshot);
}

}  // namespace pgsteer::topology
