#pragma once
// What a manager does around a promotion, as far as it keeps a proven primary from new sessions for a while.
//
// Private to topology; pure. No role follows from it: a hint or a timeout only delays.
#include <optional>

#include "topology/knowledge.hpp"

namespace pgsteer::topology {

// A manager's word that it is about to replace this primary.
struct announcement {
  backend_id from;
  time_point until;  // believed so long
};

// That, and nothing else, keeps a backend with this reason from new sessions.
[[nodiscard]] bool is_delayed(const verdict_reason& reason) noexcept;

// Until when a primary settles: the fence rose at risen_at, by proof, over a timeline known before. Nothing
// if it has settled, or need not. It has once the probe's connection was ended by 57P01; and until that is
// back, the primary is of no use anyway.
[[nodiscard]] std::optional<time_point> settles_until(const knowledge& primary,
                                                      std::optional<time_point> risen_at,
                                                      const topology_options& options) noexcept;

}  // namespace pgsteer::topology
