#include "pgsteer/topology/snapshot.hpp"

#include <algorithm>

namespace pgsteer::topology {

std::string_view to_string(session_verdict value) noexcept {
  switch (value) {
    case session_verdict::keep:
      return "keep";
    case session_verdict::close_read_write:
      return "close_read_write";
    case session_verdict::close_all:
      return "close_all";
  }
  return "keep";
}

const backend_status* topology_snapshot::find(backend_id id) const noexcept {
  const auto found = std::ranges::lower_bound(backends, id, {}, &backend_status::id);
  return found != backends.end() && found->id == id ? &*found : nullptr;
}

}  // namespace pgsteer::topology
