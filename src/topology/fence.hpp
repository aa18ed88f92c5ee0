#pragma once
// Rule 3: the fence, the highest timeline ever seen as primary, and who stands on which side of it.
//
// Private to topology; pure values.
#include "pgsteer/topology/probe_result.hpp"

namespace pgsteer::topology {

struct fence {
  timeline_id timeline;
  lsn raised_at;  // the primary's write position when this timeline was first seen

  // Takes an answer of a primary of this cluster; the fence only rises. Late answers count too: that the
  // timeline existed stays true.
  void raise(const role_answer& primary) noexcept;
};

// Whether a standby is on the fence's timeline.
enum class following {
  proven,
  below,              // it says that it is on a lower one: diverged, or has not replayed the switch yet
  without_receiver,   // only a lower bound is known, and no WAL receiver runs
  before_the_switch,  // only a lower bound is known, and replay has not reached raised_at
  beyond_receipt,     // only a lower bound is known, and it replayed what its receiver did not bring
  perhaps_stale,      // only a lower bound is known, and a primary below the fence is alive to stream from
};

// A timeline above the fence is fine: its primary just was not probed yet. With only the control file's
// timeline (a lower bound until the next restartpoint), a WAL receiver and a replay position past the first
// known position of the new timeline, by WAL that came through it, stand in for the proof.
// has_stale_primary: a primary below the fence answers.
[[nodiscard]] following follows(const role_answer& standby, const fence& current_fence,
                                bool has_stale_primary) noexcept;

}  // namespace pgsteer::topology
