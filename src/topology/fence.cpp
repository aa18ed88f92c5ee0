#include "topology/fence.hpp"

namespace pgsteer::topology {

void fence::raise(const role_answer& primary) noexcept {
  // An operator who lowers the fence does not know where its timeline began.
  const bool is_position_due = primary.timeline == timeline && raised_at.value == 0;
  if (primary.timeline <= timeline && !is_position_due) return;
  timeline = primary.timeline;
  raised_at = primary.write_lsn;
}

following follows(const role_answer& standby, const fence& current_fence, bool has_stale_primary) noexcept {
  if (standby.timeline >= current_fence.timeline) return following::proven;
  // Timeline 0 is "not known", hence a lower bound whatever the flag says.
  if (!standby.is_timeline_lower_bound && standby.timeline.value != 0) return following::below;
  if (!standby.has_wal_receiver) return following::without_receiver;
  // An old primary that wrote on past the switch and was started as a standby: the WAL is its own.
  if (standby.replay_lsn > standby.receive_lsn) return following::beyond_receipt;
  if (has_stale_primary) return following::perhaps_stale;
  return standby.replay_lsn >= current_fence.raised_at ? following::proven : following::before_the_switch;
}

}  // namespace pgsteer::topology
