#pragma once
// Options of the topology decision; filled by config, checked here.
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/topology/types.hpp"

namespace pgsteer::topology {

// What becomes of the sessions on a backend whose smart shutdown waits for them to end.
enum class smart_shutdown {
  end_idle_sessions,  // each ends at its next idle moment, so that the shutdown is soon over
  keep_sessions,      // until their clients end them, or the shutdown becomes a fast one
};
inline constexpr std::array all_smart_shutdowns{smart_shutdown::end_idle_sessions,
                                                smart_shutdown::keep_sessions};
[[nodiscard]] std::string_view to_string(smart_shutdown value) noexcept;  // "end-idle-sessions"

struct topology_options {
  // Identity of the cluster; 0 ("auto" in the file) pins the one that the first primary shows, unless more
  // backends agree on another. Until a primary is seen, the one that most backends show is used.
  system_identifier system;
  // A backend whose last good answer is older than this has role knowledge too old for a new rw login. Six
  // default probe intervals (500 ms): one lost answer and its retry do not reach it.
  duration role_ttl = seconds{3};
  // A silent backend keeps its sessions this long; a primary only while no successor is proven.
  duration dead_after = seconds{30};
  // HA managers begin a switchover with a smart shutdown, and promote nobody before it is over
  // (CloudNativePG: or after smartShutdownTimeout, 180 s).
  topology::smart_shutdown smart_shutdown = topology::smart_shutdown::end_idle_sessions;
  // A promotion is not over for a manager that ends every client's session once more after it. So new
  // read-write sessions wait after a rise of the timeline until the probe's own connection to the new primary
  // was ended by 57P01 and is back, at most so long. Unset: auto, cnpg_settle under CloudNativePG, else not.
  std::optional<duration> settle = {};
  // CloudNativePG ends them 0.3 to 1.1 s after the promotion (measured with 1.30: DropConnections, once the
  // Cluster's status names the new primary). Less where logins are not held for so long.
  duration cnpg_settle = milliseconds{1500};
  // The source of backends names a CloudNativePG Cluster; a backend may show the same by itself.
  bool is_cnpg_cluster = false;
  // An announced switchover keeps new read-write sessions waiting for so long, unless the primary lets nobody
  // in any more by then. CloudNativePG begins to stop the old primary 0.1 to 0.5 s after its word, with a
  // checkpoint. Half of the default hold_timeout, so that a switchover that does not come fails nobody.
  duration switchover_hold = seconds{5};

  friend bool operator==(const topology_options&, const topology_options&) = default;
};

[[nodiscard]] bool are_valid(const topology_options& options) noexcept;

// Backends known at once; a replication group has at most a few dozen. Bounds tables and API answers.
inline constexpr std::size_t backends_max = 256;

}  // namespace pgsteer::topology
