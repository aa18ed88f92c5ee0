#include "topology/election.hpp"

#include <cstddef>

namespace pgsteer::topology {
namespace {

// Left by discovery and silent: it contends for nothing, though its claim may still stand.
bool is_absent(const knowledge& backend) noexcept {
  return backend.is_leaving && backend.is(standing::silent);
}

bool has_moved_to(const knowledge& successor, const knowledge& incumbent) noexcept {
  return is_absent(incumbent) && successor.is(standing::open) &&
         successor.answer->write_lsn >= incumbent.answer->write_lsn;
}

}  // namespace

bool claims_primary(const knowledge& backend, const identity& cluster, const fence& limit) noexcept {
  return is_member(backend, cluster) && !backend.answer->is_in_recovery &&
         backend.answer->timeline == limit.timeline && !backend.has_lapsed;
}

election elect(const backend_table& backends, const identity& cluster, const fence& limit,
               std::optional<backend_id> incumbent) {
  const knowledge* holder = nullptr;
  const knowledge* rival = nullptr;
  backend_id rival_id;
  std::size_t rivals = 0;
  for (const auto& [id, backend] : backends) {
    if (!claims_primary(backend, cluster, limit)) continue;
    if (id == incumbent) {
      holder = &backend;
    } else if (!is_absent(backend)) {
      rival = &backend;
      rival_id = id;
      ++rivals;
    }
  }
  if (holder != nullptr && !(rivals == 1 && has_moved_to(*rival, *holder))) return {incumbent, rivals > 0};
  if (rivals == 1 && was_everybody_probed(backends)) return {rival_id, false};
  return {std::nullopt, rivals > 1};
}

}  // namespace pgsteer::topology
