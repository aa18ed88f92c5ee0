#include "pgsteer/topology/snapshot.hpp"

#include <algorithm>

namespace pgsteer::topology {

const backend_status* topology_snapshot::find(backend_id id) const noexcept {
  const auto found = std::ranges::lower_bound(backends, id, {}, &backend_status::id);
  return found != backends.end() && found->id == id ? &*found : nullptr;
}

}  // namespace pgsteer::topology
