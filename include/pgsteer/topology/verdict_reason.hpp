#pragma once
// verdict_reason: why one backend got its verdict, as values; and the one place where they become words.
//
// It holds no figure that changes from probe to probe: a changed reason is a changed verdict and makes a
// generation. A value without memory of its own; any thread.
#include <optional>
#include <string>

#include "pgsteer/topology/operator_order.hpp"
#include "pgsteer/topology/probe_result.hpp"
#include "pgsteer/topology/types.hpp"

namespace pgsteer::topology {

struct verdict_reason {
  enum class kind {
    none,  // no verdict yet
    not_probed,
    role_not_known,
    foreign,             // another system identifier than the cluster's
    identities_differ,   // and nobody decides whose the cluster is
    silent_too_long,     // for dead_after
    unknown_since_then,  // it was, and has shown no role since

    primary,
    primary_dropped,  // usable, though discovery no longer names it
    primary_last_known,
    primary_leaving,
    primary_shutting_down,
    primary_settling,        // its manager ends all sessions there once more
    primary_switching_over,  // its manager is about to replace it
    primary_ordered,         // the operator's order alone keeps new sessions from it
    primary_unusable,
    primary_late,
    primary_was_gone,
    primary_before_pause,
    primary_amid_pause,  // others were not asked again yet
    primary_too_old,
    primary_fenced,  // timeline below fence_timeline
    primary_by_own_word,
    primary_second,
    primary_second_to_lost,
    primary_among_several,

    standby,
    standby_only_one,  // lost repeatedly, and there is no other
    standby_last_known,
    standby_leaving,
    standby_shutting_down,
    standby_withheld,  // fenced by its manager
    standby_ordered,   // as primary_ordered
    standby_unusable,
    standby_late,
    standby_was_gone,
    standby_too_old,
    standby_fenced,  // timeline below fence_timeline
    standby_ahead,   // timeline above fence_timeline, which the primary is on
    standby_without_receiver,
    standby_before_switch,
    standby_perhaps_stale,
    standby_beyond_receipt,
    standby_resting,
  };

  kind what = kind::none;
  std::optional<probe_outcome> outcome{};  // the probe's, where it adds to the claim
  timeline_id timeline{};
  timeline_id fence_timeline{};
  system_identifier system{};                   // of foreign
  system_identifier cluster{};                  // of foreign
  std::optional<operator_order::kind> order{};  // in force beside whatever else there is

  friend bool operator==(const verdict_reason&, const verdict_reason&) = default;
};

// For people: the log, the admin API, and the client whose session ends. "primary, but no answer in time".
[[nodiscard]] std::string to_string(const verdict_reason& reason);

}  // namespace pgsteer::topology
