#pragma once
// topology_snapshot: the immutable outcome of one decision; what routing, sessions and the admin API read.
//
// Not the knowledge it was decided from (that is topology.hpp). Shared as shared_ptr<const
// topology_snapshot>: made on the control thread, posted to every worker, read without a lock anywhere.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/base/endpoint.hpp"
#include "pgsteer/topology/backend_name.hpp"
#include "pgsteer/topology/operator_order.hpp"
#include "pgsteer/topology/probe_result.hpp"
#include "pgsteer/topology/types.hpp"
#include "pgsteer/topology/verdict_reason.hpp"

namespace pgsteer::topology {

// What becomes of the sessions that a backend already has.
enum class session_verdict {
  keep,
  close_read_write,  // it lost the primary role by proof: rw sessions must go, ro sessions may stay
  close_all,         // fenced, foreign or dead: nobody may stay
};

struct backend_status {
  backend_id id;
  backend_name name;                    // as configured, e.g. "pg-1.example:5432"
  endpoint address;                     // numeric; what sessions dial
  topology::role role = role::unknown;  // as trusted: a fenced, foreign or second primary is unknown
  timeline_id timeline;
  topology::lsn lsn;                         // write position of a primary, replay position of a standby
  std::uint64_t replay_lag_bytes = 0;        // behind the primary's last known write position
  std::optional<milliseconds> replay_delay;  // standby: as in role_answer
  std::optional<int> connections_free;       // as in role_answer; unset until its first answer
  std::optional<int> connections_used;       // likewise
  int max_connections = 0;                   // likewise
  std::uint32_t own_sessions = 0;            // likewise
  bool is_rw_eligible = false;               // takes new sessions that need the primary
  bool is_ro_eligible = false;               // takes new sessions as a standby, before max_replay_lag
  // Its last probe was answered like a PostgreSQL server does, and not by a hung login or 57P03 ("any").
  bool is_answering = false;
  bool is_leaving = false;   // discovery no longer names it: only the primary in use takes new sessions
  bool is_withheld = false;  // its manager does not want it used: no new session but as the primary
  std::string zone;          // where it runs; empty: not known
  bool is_in_own_zone = false;
  bool is_replaced = false;  // leaving, and its address is another's now: not to be probed
  session_verdict sessions = session_verdict::keep;  // a proven standby: close_read_write, always
  // Its sessions that may stay keep it from shutting down: each ends at its next idle moment.
  bool close_when_idle = false;
  bool ends_them_soon = false;  // it waits for nobody: its manager has said that it is about to be stopped
  // The operator's: it takes no new session, and of drain those that may stay leave when they are idle.
  std::optional<operator_order> order;
  verdict_reason reason;
  probe_outcome outcome = probe_outcome::timed_out;  // of the last probe
  bool was_probed = false;
  std::optional<time_point> answered_at;  // when its last good answer was asked for

  [[nodiscard]] bool is_drained() const noexcept {
    return order && order->what == operator_order::kind::drain;
  }
  // It takes new sessions, or would but for the operator's order.
  [[nodiscard]] bool is_usable() const noexcept {
    return is_rw_eligible || is_ro_eligible || is_kept_by_order_alone();
  }
  // It would take them, and nothing else keeps it from that.
  [[nodiscard]] bool is_kept_by_order_alone() const noexcept {
    return reason.what == verdict_reason::kind::primary_ordered ||
           reason.what == verdict_reason::kind::standby_ordered;
  }
};

struct topology_snapshot {
  std::uint64_t generation = 0;  // grows with every change of a verdict, role, reason or membership
  system_identifier system;
  timeline_id fence;  // highest timeline ever seen as primary
  std::optional<backend_id> primary;
  bool is_ambiguous = false;  // two claim to be primary on one timeline: an alarm, also with an incumbent
  // The primary is proven and will take new sessions soon, once its promotion has settled.
  bool is_settling = false;
  // After this instant nobody may take the primary for granted (the process was paused, probes stopped):
  // new rw logins are held until a newer snapshot. Unset without an eligible primary.
  std::optional<time_point> rw_valid_until;
  std::vector<backend_status> backends;  // in order of id

  // The primary may be taken for granted.
  [[nodiscard]] bool is_rw_open(time_point now) const noexcept {
    return rw_valid_until && now <= *rw_valid_until;
  }
  // It is proven, and only the operator's order keeps new sessions from it.
  [[nodiscard]] bool is_primary_kept_by_order() const noexcept;
  // The backend with this id, or nullptr. Valid as long as the snapshot.
  [[nodiscard]] const backend_status* find(backend_id id) const noexcept;
};

using snapshot_ptr = std::shared_ptr<const topology_snapshot>;

}  // namespace pgsteer::topology
