#include "pgsteer/topology/snapshot.hpp"

#include <algorithm>

namespace pgsteer::topology {

const backend_status* topology_snapshot::find(backend_id id) const noexcept {
  const auto found = std::ranges::lower_bound(backends, id, {}, &backend_status::id);
  return found != backends.end() && found->id == id ? &*found : nullptr;
}

bool topology_snapshot::is_primary_kept_by_order() const noexcept {
  const backend_status* const status = primary ? find(*primary) : nullptr;
  return status != nullptr && status->is_kept_by_order_alone();
}

}  // namespace pgsteer::topology
