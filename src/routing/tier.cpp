#include "routing/tier.hpp"

#include <algorithm>
#include <optional>

namespace pgsteer::routing {
namespace {

using topology::backend_status;

// Our own sessions that the server has not counted yet: its count is as old as its last answer.
std::int64_t uncounted(std::size_t index, const choice_input& input) noexcept {
  return std::int64_t{sessions_of(index, input)} - input.snapshot.backends[index].own_sessions;
}

// Nothing is known behind a pooler, and the primary has nobody in its place.
enum class room { enough, little, none };
room room_at(std::size_t index, const choice_input& input) noexcept {
  constexpr int little_of = 10;  // a tenth of max_connections
  const backend_status& backend = input.snapshot.backends[index];
  if (backend.role == topology::role::primary || !backend.connections_free) return room::enough;
  const std::int64_t free = *backend.connections_free - uncounted(index, input);
  if (free <= 0) return room::none;
  return free <= backend.max_connections / little_of ? room::little : room::enough;
}

// Everybody's sessions as the server counts them; ours alone where it does not.
std::uint64_t load_of(std::size_t index, const choice_input& input) noexcept {
  const std::optional<int>& used = input.snapshot.backends[index].connections_used;
  if (!used) return sessions_of(index, input);
  return static_cast<std::uint64_t>(std::max(*used + uncounted(index, input), std::int64_t{0}));
}

// A near backend with more is overloaded as long as one elsewhere has only so many.
std::uint64_t most_beside(std::uint64_t far_load, const choice_input& input) noexcept {
  constexpr std::uint64_t unbounded = std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t ratio = input.policy.zone_imbalance_max.value_or(0);
  const std::uint64_t counted = std::max<std::uint64_t>(far_load, zone_sessions_min);
  return ratio == 0 || counted > unbounded / ratio ? unbounded : ratio * counted;
}

}  // namespace

std::uint32_t sessions_of(std::size_t index, const choice_input& input) noexcept {
  return index < input.sessions.size() ? input.sessions[index] : 0;
}

zone_loads survey_zones(want wanted, const choice_input& input) noexcept {
  zone_loads found;
  const auto& backends = input.snapshot.backends;
  for (std::size_t index = 0; index < backends.size(); ++index) {
    const backend_status& backend = backends[index];
    if (!is_eligible(wanted, backend, input) || was_tried(backend, input) ||
        room_at(index, input) != room::enough)
      continue;
    std::uint64_t& least = backend.is_in_own_zone ? found.near_min : found.far_min;
    least = std::min(least, load_of(index, input));
  }
  return found;
}

tier tier_of(std::size_t index, const zone_loads& zones, const choice_input& input) noexcept {
  const backend_status& backend = input.snapshot.backends[index];
  const room left = room_at(index, input);
  if (left != room::enough) return left == room::none ? tier::full : tier::tight;
  const std::uint64_t load = load_of(index, input);
  if (backend.is_in_own_zone) return load <= most_beside(zones.far_min, input) ? tier::near : tier::other;
  return zones.near_min > most_beside(load, input) ? tier::relief : tier::other;
}

}  // namespace pgsteer::routing
