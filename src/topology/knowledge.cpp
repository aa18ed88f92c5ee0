#include "topology/knowledge.hpp"

#include <algorithm>
#include <utility>

namespace pgsteer::topology {

standing standing_of(probe_outcome outcome) noexcept {
  switch (outcome) {
    case probe_outcome::answered:
      return standing::open;
    case probe_outcome::wrong_credentials:
    case probe_outcome::missing_database:
    case probe_outcome::too_many_clients:
    case probe_outcome::query_failed:
      return standing::refusing;
    case probe_outcome::login_hung:
    case probe_outcome::shutting_down:
    case probe_outcome::not_accepting:  // a smart shutdown keeps its sessions for as long as they like
    case probe_outcome::tls_failed:     // an expired certificate must not end the sessions that live
      return standing::shut;
    case probe_outcome::refused:
    case probe_outcome::unreachable:
    case probe_outcome::timed_out:
    case probe_outcome::connection_lost:
    case probe_outcome::not_postgresql:
      return standing::silent;
    case probe_outcome::local_trouble:
      return standing::ours;
  }
  return standing::ours;
}

std::optional<role_answer> proof_in(const probe_result& result) {
  const bool may_prove = result.outcome == probe_outcome::answered ||
                         result.outcome == probe_outcome::login_hung ||
                         result.outcome == probe_outcome::shutting_down;
  if (!may_prove) return {};
  if (!result.answer || result.answer->system.value == 0) return {};
  if (!result.answer->is_in_recovery && result.answer->timeline.value == 0) return {};
  return result.answer;
}

void forget_all(knowledge& backend) {
  knowledge unasked;
  unasked.spec = std::move(backend.spec);
  unasked.is_leaving = backend.is_leaving;
  unasked.is_replaced = backend.is_replaced;
  unasked.left_as_primary = backend.left_as_primary;
  backend = std::move(unasked);
}

void restart_silence(knowledge& backend, time_point watched_from) noexcept {
  backend.watched_from = std::max(backend.watched_from, watched_from);
  if (!backend.is_dead) backend.silent_since.reset();
}

namespace {

void note_answer(knowledge& backend, const probe_result& result) {
  if (backend.answer && result.sent_at < backend.answered_at) return;
  backend.answer = result.answer;
  backend.answered_at = result.sent_at;
}

bool is_loss(probe_outcome outcome) noexcept {
  return outcome == probe_outcome::connection_lost || outcome == probe_outcome::refused;
}

// A backend that was there is gone, or one that was gone is back.
void count_losses(knowledge& backend, probe_outcome outcome, time_point sent_at) {
  if (!backend.is(standing::silent) && backend.outcome && is_loss(outcome)) {
    const bool is_first = backend.losses == 0 || sent_at - backend.rests_until > loss_memory;
    backend.losses = is_first ? 1 : backend.losses + 1;
    backend.rests_until = time_point::max();  // not before it is back
  } else if (backend.rests_until == time_point::max() && standing_of(outcome) == standing::open) {
    duration rest = rest_min;
    for (unsigned i = 1; i < backend.losses && rest < rest_max; ++i) rest *= 2;
    backend.rests_until = sent_at + std::min(rest, rest_max);
  }
}

// How the newest probe ended decides what the backend may take, and runs or stops the count of silence.
void note_outcome(knowledge& backend, probe_outcome outcome, time_point sent_at) {
  count_losses(backend, outcome, sent_at);
  backend.is_shutting_down = outcome == probe_outcome::shutting_down ||
                             (backend.is_shutting_down && outcome == probe_outcome::not_accepting);
  backend.outcome = outcome;
  backend.heard_at = sent_at;
  // A lost connection alone may be an administrator's pg_terminate_backend().
  const bool was_gone = standing_of(outcome) == standing::silent && outcome != probe_outcome::connection_lost;
  if (was_gone || outcome == probe_outcome::not_accepting) backend.may_be_another = true;
  if (standing_of(outcome) != standing::silent) {
    backend.silent_since.reset();
    backend.is_dead = false;
  } else if (!backend.silent_since) {
    backend.silent_since = std::max(sent_at, backend.watched_from);
  }
}

// A late sign of life shortens the silence, and no more.
void note_late_outcome(knowledge& backend, probe_outcome outcome, time_point sent_at) {
  const bool was_alive = standing_of(outcome) != standing::silent && standing_of(outcome) != standing::ours;
  if (was_alive && backend.silent_since && !backend.is_dead) {
    backend.silent_since = std::max(*backend.silent_since, sent_at);
  }
}

}  // namespace

void absorb(knowledge& backend, const probe_result& result) {
  const bool proves = proof_in(result).has_value();
  const probe_outcome outcome =
      result.outcome == probe_outcome::answered && !proves ? probe_outcome::query_failed : result.outcome;
  if (!backend.last_outcome || result.sent_at >= backend.probed_at) {
    backend.last_outcome = outcome;
    backend.probed_at = std::max(backend.probed_at, result.sent_at);
  }
  if (proves) note_answer(backend, result);
  if (result.was_terminated) backend.terminated_at = std::max(backend.terminated_at, result.sent_at);
  if (backend.late_at && result.sent_at >= *backend.late_at) backend.late_at.reset();
  if (backend.outcome && result.sent_at < backend.heard_at) {
    note_late_outcome(backend, outcome, result.sent_at);
  } else if (standing_of(outcome) == standing::ours) {
    restart_silence(backend, result.sent_at);
  } else {
    note_outcome(backend, outcome, result.sent_at);
    if (proves) backend.has_lapsed = backend.may_be_another = false;
  }
}

void note_overdue(knowledge& backend, time_point sent_at) noexcept {
  if (!backend.last_outcome || sent_at > backend.probed_at) backend.late_at = sent_at;
}

recollection::backend recall(backend_id id, const knowledge& backend) {
  recollection::backend past{.id = id,
                             .spec = backend.spec,
                             .is_leaving = backend.is_leaving,
                             .left_as_primary = backend.left_as_primary,
                             .results = {},
                             .rival_on = backend.rival_on,
                             .rival_of = backend.rival_of,
                             .followed = backend.followed,
                             .followed_in_run = backend.followed_in_run};
  const auto add = [&past](probe_outcome outcome, time_point sent_at, const std::optional<role_answer>& row) {
    past.results.push_back({.outcome = outcome,
                            .answer = row,
                            .message = {},
                            .sent_at = sent_at,
                            .received_at = sent_at,
                            .was_terminated = false});
  };
  if (backend.answer) add(probe_outcome::answered, backend.answered_at, backend.answer);
  if (backend.is(standing::silent) && backend.silent_since)
    add(*backend.outcome, *backend.silent_since, std::nullopt);
  if (backend.outcome && *backend.outcome != probe_outcome::answered)
    add(*backend.outcome, backend.heard_at, std::nullopt);
  return past;
}

void remember(knowledge& backend, const recollection::backend& past) {
  backend.spec = past.spec;
  backend.is_leaving = past.is_leaving;
  backend.left_as_primary = past.left_as_primary;
  backend.rival_on = past.rival_on;
  backend.rival_of = past.rival_of;
  backend.followed = past.followed;
  backend.followed_in_run = past.followed_in_run;
}

bool was_everybody_probed(const backend_table& backends) noexcept {
  return std::ranges::all_of(backends, [](const auto& entry) {
    return entry.second.is_leaving || entry.second.last_outcome.has_value();
  });
}

bool was_everybody_asked_since(const backend_table& backends, time_point then) noexcept {
  return std::ranges::all_of(backends, [then](const auto& entry) {
    const knowledge& backend = entry.second;
    return backend.is_leaving || !backend.last_outcome || backend.probed_at >= then;
  });
}

}  // namespace pgsteer::topology
