#include "topology/verdict.hpp"

namespace pgsteer::topology {
namespace {

using enum verdict_reason::kind;

bool is_current(const knowledge& backend, const findings& found) noexcept {
  return found.now - backend.answered_at <= found.role_ttl;
}

// The facts as they were told, before any judgement.
backend_status describe(backend_id id, const knowledge& backend, const findings& found) {
  backend_status status;
  status.id = id;
  status.name = backend.spec.name;
  status.address = backend.spec.address;
  status.is_leaving = backend.is_leaving;
  status.is_replaced = backend.is_replaced;
  status.is_withheld = backend.spec.is_withheld;
  status.zone = backend.spec.zone;
  status.is_in_own_zone = backend.spec.is_in_own_zone;
  status.was_probed = backend.last_outcome.has_value();
  if (status.was_probed) status.outcome = *backend.last_outcome;
  status.is_answering = backend.is_responsive();
  status.close_when_idle = backend.is_shutting_down && found.ends_idle_sessions;
  if (!backend.answer) return status;
  const role_answer& answer = *backend.answer;
  status.answered_at = backend.answered_at;
  status.timeline = answer.timeline;
  status.connections_free = answer.connections_free;
  status.connections_used = answer.connections_used;
  status.max_connections = answer.max_connections;
  status.own_sessions = answer.own_sessions;
  status.lsn = answer.is_in_recovery ? answer.replay_lsn : answer.write_lsn;
  if (answer.is_in_recovery) {
    status.replay_delay = answer.replay_delay;
    const std::uint64_t written = found.primary_write_lsn.value;
    const std::uint64_t replayed = answer.replay_lsn.value;
    status.replay_lag_bytes = written > replayed ? written - replayed : 0;
  }
  return status;
}

void judge_unanswered(backend_status& status, const knowledge& backend) {
  if (backend.outcome) {
    status.reason = {role_not_known, backend.outcome};
  } else {
    status.reason = {not_probed, backend.last_outcome};
  }
}

void judge_foreign(backend_status& status, const knowledge& backend, const findings& found) {
  status.sessions = session_verdict::close_all;
  status.reason = {.what = foreign, .system = backend.answer->system, .cluster = found.cluster.system};
}

void judge_fenced(backend_status& status, const findings& found) {
  status.sessions = session_verdict::close_all;
  status.reason = {
      .what = primary_fenced, .timeline = status.timeline, .fence_timeline = found.current_fence.timeline};
}

// A claimant that was not elected. Without a primary nobody has lost the role by proof.
void judge_rival(backend_status& status, const knowledge& backend, const findings& found) {
  if (found.elected.primary) {
    status.sessions = session_verdict::close_read_write;
    status.reason = {primary_second};
  } else if (found.elected.is_ambiguous && backend.rival_on == found.current_fence.timeline) {
    status.reason = {primary_second_to_lost};
  } else if (!found.elected.is_ambiguous) {
    status.reason = {primary_by_own_word};
  } else {
    status.reason = {primary_among_several};
  }
}

void judge_primary(backend_status& status, const knowledge& backend, const findings& found) {
  status.role = role::primary;
  const bool is_refusing = backend.is(standing::refusing);
  const auto why_refusing = is_refusing ? backend.outcome : std::nullopt;
  if (backend.is_leaving && !backend.left_as_primary) {
    status.reason = {primary_leaving};
  } else if (backend.is_shutting_down) {
    status.reason = {primary_shutting_down};
  } else if (!backend.is(standing::open) && !is_refusing) {
    status.reason = {primary_unusable, backend.outcome};
  } else if (backend.late_at) {
    status.reason = {primary_late};
  } else if (is_refusing && backend.may_be_another) {
    status.reason = {primary_was_gone, why_refusing};
  } else if (backend.answered_at < found.fresh_from) {
    status.reason = {primary_before_pause};
  } else if (!found.is_asked_again) {
    status.reason = {primary_amid_pause};
  } else if (!is_current(backend, found)) {
    status.reason = {primary_too_old, why_refusing};
  } else if (found.is_settling) {
    status.reason = {primary_settling};
  } else if (found.is_switching_over) {
    status.reason = {primary_switching_over};
    status.close_when_idle = found.ends_idle_sessions;
    status.ends_them_soon = status.close_when_idle && found.is_stopped_soon;
  } else {
    status.is_rw_eligible = true;
    status.reason = {is_refusing          ? primary_last_known
                     : backend.is_leaving ? primary_dropped
                                          : primary,
                     why_refusing};
  }
}

void judge_standby(backend_status& status, const knowledge& backend, const findings& found) {
  status.role = role::standby;
  status.sessions = session_verdict::close_read_write;
  const following place = place_of(backend, found);
  const bool is_refusing = backend.is(standing::refusing);
  const auto why_refusing = is_refusing ? backend.outcome : std::nullopt;
  if (backend.is_leaving) {
    status.reason = {standby_leaving};
  } else if (backend.is_shutting_down) {
    status.reason = {standby_shutting_down};
  } else if (backend.spec.is_withheld) {
    status.reason = {standby_withheld};
  } else if (!backend.is(standing::open) && !is_refusing) {
    status.reason = {standby_unusable, backend.outcome};
  } else if (backend.late_at) {
    status.reason = {standby_late};
  } else if (is_refusing && backend.may_be_another) {
    status.reason = {standby_was_gone, why_refusing};
  } else if (is_refusing && !is_current(backend, found)) {
    status.reason = {standby_too_old, why_refusing};
  } else if (place == following::below) {
    status.reason = {
        .what = standby_fenced, .timeline = status.timeline, .fence_timeline = found.current_fence.timeline};
  } else if (status.timeline > found.current_fence.timeline && found.is_primary_answering) {
    status.reason = {
        .what = standby_ahead, .timeline = status.timeline, .fence_timeline = found.current_fence.timeline};
  } else if (place == following::without_receiver) {
    status.reason = {standby_without_receiver};
  } else if (place == following::before_the_switch) {
    status.reason = {standby_before_switch};
  } else if (place == following::perhaps_stale) {
    status.reason = {standby_perhaps_stale};
  } else if (place == following::beyond_receipt) {
    status.reason = {standby_beyond_receipt};
  } else if (rests(backend, found.now) && found.may_rest) {
    status.reason = {standby_resting};
  } else {
    status.is_ro_eligible = true;
    status.reason = {is_refusing                 ? standby_last_known
                     : rests(backend, found.now) ? standby_only_one
                                                 : standby,
                     why_refusing};
  }
}

void judge_lapsed(backend_status& status, const knowledge& backend) {
  if (backend.is_dead) status.sessions = session_verdict::close_all;
  status.reason = {backend.is_dead ? silent_too_long : unknown_since_then, backend.outcome};
}

// Whatever else keeps new sessions from it is told before.
void heed_order(backend_status& status, const operator_order& order) {
  status.order = order;
  status.reason.order = order.what;
  if (status.is_rw_eligible) status.reason.what = primary_ordered;
  if (status.is_ro_eligible) status.reason.what = standby_ordered;
  status.is_rw_eligible = status.is_ro_eligible = false;
}

}  // namespace

following place_of(const knowledge& backend, const findings& found) noexcept {
  const following shown = follows(*backend.answer, found.current_fence, found.has_stale_primary);
  const bool was_proven = backend.followed == found.current_fence.timeline &&
                          backend.followed_in_run == backend.answer->start_time_us;
  return was_proven && shown != following::below ? following::proven : shown;
}

bool rests(const knowledge& backend, time_point now) noexcept {
  return backend.rests_until > now && backend.is(standing::open);
}

backend_status judge(backend_id id, const knowledge& backend, const findings& found) {
  backend_status status = describe(id, backend, found);
  if (backend.is_dead) {
    judge_lapsed(status, backend);
  } else if (!backend.answer) {
    judge_unanswered(status, backend);
  } else if (is_foreign(backend, found.cluster)) {
    judge_foreign(status, backend, found);
  } else if (!is_member(backend, found.cluster)) {
    status.reason = {identities_differ};
  } else if (!backend.answer->is_in_recovery && backend.answer->timeline < found.current_fence.timeline) {
    judge_fenced(status, found);
  } else if (backend.answer->is_in_recovery) {
    judge_standby(status, backend, found);
  } else if (backend.has_lapsed) {
    judge_lapsed(status, backend);
  } else if (found.elected.primary == id) {
    judge_primary(status, backend, found);
  } else {
    judge_rival(status, backend, found);
  }
  if (backend.order) heed_order(status, *backend.order);
  return status;
}

}  // namespace pgsteer::topology
