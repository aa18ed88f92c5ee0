#pragma once
// choose(): which backend a new session goes to. The one place where a standby is picked.
//
// Pure: snapshot, policy and load in; one backend or the reason for none out. Any thread.
#include <cstdint>
#include <span>
#include <string_view>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/routing/options.hpp"
#include "pgsteer/topology/snapshot.hpp"

namespace pgsteer::routing {

// Why no backend was chosen, in the order of what to tell the client.
enum class no_backend {
  none_known,      // discovery has found no backend
  no_primary,      // nobody is proven primary
  primary_silent,  // the primary is known but did not answer its last probe, is leaving, or not known of late
  primary_ordered,   // the operator's order alone keeps new sessions from the primary
  ambiguous,         // two primaries on one timeline
  none_unordered,    // any: the operator's orders keep new sessions from all that answer
  none_answering,    // any: no backend answers like a PostgreSQL server
  no_standby,        // no healthy standby
  standbys_ordered,  // healthy standbys exist, but the operator's orders keep new sessions from all of them
  standbys_lag,      // standbys exist but all exceed max_replay_lag
  all_tried,         // every eligible backend was tried and failed
};
[[nodiscard]] std::string_view to_string(
    no_backend value) noexcept;  // a clause: "no backend is proven primary"

struct choice_input {
  const topology::topology_snapshot& snapshot;
  const route_policy& policy;
  std::span<const std::uint32_t> sessions;  // live sessions per backend, in the order of snapshot.backends
  std::span<const topology::backend_id> tried;  // already failed for this login: not chosen again
  std::uint64_t ticket = 0;                     // a counter that grows by one per login of the listener
  time_point now;
  bool is_rw_closed = false;  // nobody takes new sessions that need the primary
};

struct choice {
  const topology::backend_status* backend = nullptr;  // views into the snapshot; nullptr: see why_not
  no_backend why_not = no_backend::none_known;
};

// Standbys that have hardly a connection free (routing/tier.hpp) are passed over as long as others are left;
// so are backends outside of pgsteer's own zone, within policy.zone_imbalance_max. Of those that are left,
// round-robin takes number ticket % n; least-sessions the one with the fewest sessions, ties broken by
// ticket. What was tried is replaced by the others in equal shares. O(backends). prefer-standby falls back to
// the primary when no standby is eligible or left; then why_not is the standbys' reason, unless the primary
// was tried too.
[[nodiscard]] choice choose(const choice_input& input) noexcept;

}  // namespace pgsteer::routing
