#pragma once
// Rules 3 to 5: who is primary. Positive proof elects; silence only ends a claim after dead_after.
//
// Private to topology; pure. Whether the primary may take new sessions is verdict.hpp's.
#include <optional>

#include "topology/fence.hpp"
#include "topology/identity.hpp"

namespace pgsteer::topology {

struct election {
  std::optional<backend_id> primary;
  bool is_ambiguous = false;  // two or more claim the same, highest timeline
};

// A claim is the last good answer of a member that is not in recovery, on the fence's timeline, not lapsed.
[[nodiscard]] bool claims_primary(const knowledge& backend, const identity& cluster,
                                  const fence& current_fence) noexcept;

// The incumbent stays as long as its claim stands, silent or not. Without one, a sole claimant is elected
// once every backend had its first probe (to answer first proves nothing: a discarded primary may be the
// quicker one), and of several claimants nobody. One exception: an incumbent that discovery no longer names
// and that is silent has moved if exactly one other claims its timeline with at least its last write position
// (a pod that came back under another address). Who once stood beside the primary in use, both answering, is
// a known rival on that timeline: it is elected only after the other has answered as a standby.
[[nodiscard]] election elect(const backend_table& backends, const identity& cluster,
                             const fence& current_fence, std::optional<backend_id> incumbent);

// Remembers who stands beside the primary in use.
void note_rivals(backend_table& backends, const identity& cluster, const fence& current_fence,
                 const election& elected);

}  // namespace pgsteer::topology
