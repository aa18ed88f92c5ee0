#include "topology/verdict.hpp"

#include <string>

namespace pgsteer::topology {
namespace {

std::string but(std::string_view claim, probe_outcome outcome) {
  std::string reason(claim);
  reason += ", but ";
  return reason += explain(outcome);
}

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
  status.was_probed = backend.last_outcome.has_value();
  if (status.was_probed) status.outcome = *backend.last_outcome;
  status.is_answering = backend.is_responsive();
  if (!backend.answer) return status;
  const role_answer& answer = *backend.answer;
  status.answered_at = backend.answered_at;
  status.timeline = answer.timeline;
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
    status.reason = but("role not known", *backend.outcome);
  } else {
    status.reason = status.was_probed ? but("not probed yet", status.outcome) : "not probed yet";
  }
}

void judge_foreign(backend_status& status, const knowledge& backend, const findings& found) {
  status.sessions = session_verdict::close_all;
  status.reason = "system identifier " + std::to_string(backend.answer->system.value) +
                  " differs from the cluster's " + std::to_string(found.cluster.system.value);
}

void judge_fenced(backend_status& status, const findings& found) {
  status.sessions = session_verdict::close_all;
  status.reason = "primary on timeline " + std::to_string(status.timeline.value) + ", below the fence " +
                  std::to_string(found.limit.timeline.value);
}

// A claimant that was not elected. Without a primary nobody has lost the role by proof.
void judge_rival(backend_status& status, const knowledge& backend, const findings& found) {
  if (found.elected.primary) {
    status.sessions = session_verdict::close_read_write;
    status.reason = "second primary on the primary's timeline: excluded";
  } else if (found.elected.is_ambiguous && backend.rival_on == found.limit.timeline) {
    status.reason = "second primary on the lost primary's timeline: excluded";
  } else if (!found.elected.is_ambiguous) {
    status.reason = "primary by its own word, until every backend was probed once";
  } else {
    status.reason = "one of several primaries on the same timeline: none is used";
  }
}

void judge_primary(backend_status& status, const knowledge& backend, const findings& found) {
  status.role = role::primary;
  if (backend.is_leaving && !backend.left_as_primary) {
    status.reason = "primary, leaving: no new sessions";
  } else if (!backend.is(standing::open) && !backend.is(standing::mute)) {
    status.reason = but("primary", *backend.outcome);
  } else if (backend.late_at) {
    status.reason = "primary, but its probe is late";
  } else if (backend.is(standing::mute) && backend.may_be_another) {
    status.reason = but("primary before it was gone", *backend.outcome);
  } else if (backend.answered_at < found.fresh_from) {
    status.reason = "primary, but not probed since the process stood still";
  } else if (!found.is_asked_again) {
    status.reason = "primary, but not every backend was probed since the process stood still";
  } else if (!is_current(backend, found)) {
    status.reason = backend.is(standing::mute) ? but("primary by knowledge too old to use", *backend.outcome)
                                               : "primary by knowledge too old to use";
  } else {
    status.is_rw_eligible = true;
    status.reason = backend.is(standing::mute) ? but("primary when last known", *backend.outcome)
                    : backend.is_leaving ? "primary on the highest timeline, though discovery dropped it"
                                         : "primary on the highest timeline";
  }
}

void judge_standby(backend_status& status, const knowledge& backend, const findings& found) {
  status.role = role::standby;
  status.sessions = session_verdict::close_read_write;
  const following place = place_of(backend, found);
  if (backend.is_leaving) {
    status.reason = "standby, leaving: no new sessions";
  } else if (!backend.is(standing::open) && !backend.is(standing::mute)) {
    status.reason = but("standby", *backend.outcome);
  } else if (backend.late_at) {
    status.reason = "standby, but its probe is late";
  } else if (backend.is(standing::mute) && backend.may_be_another) {
    status.reason = but("standby before it was gone", *backend.outcome);
  } else if (backend.is(standing::mute) && !is_current(backend, found)) {
    status.reason = but("standby by knowledge too old to use", *backend.outcome);
  } else if (place == following::below) {
    status.reason = "standby on timeline " + std::to_string(status.timeline.value) + ", below the fence " +
                    std::to_string(found.limit.timeline.value);
  } else if (status.timeline > found.limit.timeline && found.is_primary_answering) {
    status.reason = "standby on timeline " + std::to_string(status.timeline.value) +
                    ", above the primary's " + std::to_string(found.limit.timeline.value);
  } else if (place == following::without_receiver) {
    status.reason = "standby, timeline not proven: no WAL receiver";
  } else if (place == following::before_the_switch) {
    status.reason = "standby, timeline not proven: replay is before the fence's first known position";
  } else if (place == following::perhaps_stale) {
    status.reason = "standby, timeline not proven: a primary below the fence is alive";
  } else if (place == following::beyond_receipt) {
    status.reason = "standby, timeline not proven: it replayed more than its WAL receiver brought";
  } else if (rests(backend, found.now) && found.may_rest) {
    status.reason = "standby, resting since it was lost repeatedly";
  } else {
    status.is_ro_eligible = true;
    status.reason = backend.is(standing::mute)  ? but("standby when last known", *backend.outcome)
                    : rests(backend, found.now) ? "standby, lost repeatedly but the only one"
                                                : "standby";
  }
}

void judge_lapsed(backend_status& status, const knowledge& backend) {
  if (backend.is_dead) {
    status.sessions = session_verdict::close_all;
    status.reason = but("silent for longer than dead_after", *backend.outcome);
  } else {
    status.reason = but("role not known since it was silent", *backend.outcome);
  }
}

}  // namespace

following place_of(const knowledge& backend, const findings& found) noexcept {
  const following shown = follows(*backend.answer, found.limit, found.has_stale_primary);
  const bool was_proven =
      backend.followed == found.limit.timeline && backend.followed_in_run == backend.answer->start_time_us;
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
    status.reason = "system identifiers disagree, and no primary decides";
  } else if (!backend.answer->is_in_recovery && backend.answer->timeline < found.limit.timeline) {
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
  return status;
}

}  // namespace pgsteer::topology
