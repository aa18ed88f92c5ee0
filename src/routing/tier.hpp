#pragma once
// Which of the eligible backends come first: those with room, and of these the ones in pgsteer's own zone, as
// long as that does not overload them.
//
// Private to routing; pure.
#include <cstddef>
#include <cstdint>
#include <limits>

#include "pgsteer/routing/choose.hpp"
#include "routing/eligible.hpp"

namespace pgsteer::routing {

// One is chosen from the first tier that has any.
enum class tier {
  near,    // in the own zone, and not overloaded
  relief,  // elsewhere, and so much less used than every near one that these count as overloaded; or none is
           // near
  other,
  tight,  // has few connections free: a place that a session leaves is not free at once, and others come too
  full,   // has none
};

// Connections of the least used backend of each kind, with room, that is left to choose from. A backend whose
// zone is not known counts as elsewhere.
struct zone_loads {
  std::uint64_t near_min = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t far_min = std::numeric_limits<std::uint64_t>::max();
};
[[nodiscard]] zone_loads survey_zones(want wanted, const choice_input& input) noexcept;

// Precondition: the backend is eligible and was not tried.
[[nodiscard]] tier tier_of(std::size_t index, const zone_loads& zones, const choice_input& input) noexcept;

// This process's live sessions on the backend; 0 if it does not count it yet.
[[nodiscard]] std::uint32_t sessions_of(std::size_t index, const choice_input& input) noexcept;

}  // namespace pgsteer::routing
