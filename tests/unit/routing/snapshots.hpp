#pragma once
// Builds snapshots for tests of choose(): letters are backends, in the order they are added.
#include <string>
#include <vector>

#include "pgsteer/routing/choose.hpp"

namespace pgsteer::routing::testing {

inline constexpr time_point now = time_point{} + seconds{1000};

inline topology::backend_status backend(std::uint32_t id) {
  topology::backend_status status;
  status.id = {id};
  status.name = std::string(1, static_cast<char>('a' + id - 1));
  status.is_answering = true;
  return status;
}
inline topology::backend_status primary(std::uint32_t id) {
  topology::backend_status status = backend(id);
  status.role = topology::role::primary;
  status.is_rw_eligible = true;
  return status;
}
inline topology::backend_status standby(std::uint32_t id, std::uint64_t lag_bytes = 0,
                                        std::optional<milliseconds> delay = milliseconds{0}) {
  topology::backend_status status = backend(id);
  status.role = topology::role::standby;
  status.is_ro_eligible = true;
  status.sessions = topology::session_verdict::close_read_write;
  status.replay_lag_bytes = lag_bytes;
  status.replay_delay = delay;
  return status;
}

inline topology::topology_snapshot snapshot_of(std::vector<topology::backend_status> backends) {
  topology::topology_snapshot snapshot;
  for (const auto& status : backends) {
    if (status.role == topology::role::primary) snapshot.primary = status.id;
    if (status.is_rw_eligible) snapshot.rw_valid_until = now + seconds{1};
  }
  snapshot.backends = std::move(backends);
  return snapshot;
}

inline route_policy policy_of(target_session_attrs route, balance how = balance::round_robin) {
  route_policy policy;
  policy.route = route;
  policy.balance = how;
  return policy;
}

// A listener's logins over one snapshot: the policy, who has how many sessions, what was tried.
struct logins {
  topology::topology_snapshot snapshot;
  route_policy policy;
  std::vector<std::uint32_t> sessions{};
  std::vector<topology::backend_id> tried{};
  time_point at = now;

  [[nodiscard]] choice choose(std::uint64_t ticket = 0) const {
    return routing::choose({.snapshot = snapshot,
                            .policy = policy,
                            .sessions = sessions,
                            .tried = tried,
                            .ticket = ticket,
                            .now = at});
  }
  // The name of the chosen backend, or the reason for none in words.
  [[nodiscard]] std::string answer(std::uint64_t ticket = 0) const {
    const choice chosen = choose(ticket);
    return chosen.backend != nullptr ? chosen.backend->name.text() : std::string(to_string(chosen.why_not));
  }
};

}  // namespace pgsteer::routing::testing
