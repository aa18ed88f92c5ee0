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

bool is_known_rival(const knowledge& backend, const backend_table& backends,
                    const fence& current_fence) noexcept {
  if (backend.rival_on != current_fence.timeline) return false;
  const auto other = backends.find(backend.rival_of);
  return other == backends.end() || !other->second.answer || !other->second.answer->is_in_recovery;
}

}  // namespace

bool claims_primary(const knowledge& backend, const identity& cluster, const fence& current_fence) noexcept {
  return is_member(backend, cluster) && !backend.answer->is_in_recovery &&
         backend.answer->timeline == current_fence.timeline && !backend.has_lapsed;
}

election elect(const backend_table& backends, const identity& cluster, const fence& current_fence,
               std::optional<backend_id> incumbent) {
  const knowledge* holder = nullptr;
  const knowledge* rival = nullptr;
  backend_id rival_id;
  std::size_t rivals = 0;
  bool is_electable = true;  // the last rival
  for (const auto& [id, backend] : backends) {
    if (!claims_primary(backend, cluster, current_fence)) continue;
    if (id == incumbent) {
      holder = &backend;
    } else if (!is_absent(backend)) {
      rival = &backend;
      rival_id = id;
      is_electable = !is_known_rival(backend, backends, current_fence);
      ++rivals;
    }
  }
  const bool is_sole = rivals == 1 && is_electable;
  if (holder != nullptr && !(is_sole && has_moved_to(*rival, *holder))) return {incumbent, rivals > 0};
  if (is_sole && was_everybody_probed(backends)) return {rival_id, false};
  return {std::nullopt, rivals > 1 || (rivals == 1 && !is_electable)};
}

void note_rivals(backend_table& backends, const identity& cluster, const fence& current_fence,
                 const election& elected) {
  if (!elected.primary || !elected.is_ambiguous || !backends.at(*elected.primary).is(standing::open)) return;
  for (auto& [id, backend] : backends) {
    if (id == *elected.primary || !backend.is(standing::open) ||
        !claims_primary(backend, cluster, current_fence))
      continue;
    backend.rival_on = current_fence.timeline;
    backend.rival_of = *elected.primary;
  }
}

}  // namespace pgsteer::topology
