#pragma once
// Rule 2: whose cluster this is. Finds the system_identifier when the operator did not name one.
//
// Private to topology; pure.
#include "topology/knowledge.hpp"

namespace pgsteer::topology {

struct identity {
  system_identifier system;  // 0: nobody answered yet, or the answers disagree
  bool is_pinned = false;    // for as long as the process lives
};

// The identifier that most backends show, in a tie the one of which a primary was seen; unset if that leaves
// more than one. It is provisional until a primary shows it, then pinned. So a foreign standby that happens
// to be probed first does not lock the primary out, and a foreign primary (an address given to another
// cluster) does not win against two standbys that agree.
[[nodiscard]] identity identify(const backend_table& backends);

// True if its last good answer shows another cluster.
[[nodiscard]] bool is_foreign(const knowledge& backend, const identity& cluster) noexcept;
// True if its last good answer shows this cluster.
[[nodiscard]] bool is_member(const knowledge& backend, const identity& cluster) noexcept;

}  // namespace pgsteer::topology
