#include "unit/topology/witness.hpp"

#include <algorithm>

#include "unit/topology/history.hpp"

namespace pgsteer::topology::testing {
namespace {

using kind = simulated_event::kind;

bool is_miss(probe_outcome outcome) {
  return outcome == probe_outcome::refused || outcome == probe_outcome::timed_out ||
         outcome == probe_outcome::unreachable || outcome == probe_outcome::connection_lost;
}

// Outcomes after which new sessions may be sent to a backend whose role is known.
bool lets_in(probe_outcome outcome) {
  return outcome == probe_outcome::answered || outcome == probe_outcome::wrong_credentials ||
         outcome == probe_outcome::too_many_clients;
}

}  // namespace

witness::witness(const simulated_cluster& cluster, topology_options options)
    : cluster_(cluster), options_(options), evidence_(cluster.backends().size()) {}

void witness::note(const simulated_event& event) {
  if (event.what == kind::pause) resumed_at_ = cluster_.now();
  if (event.what == kind::forget) evidence_[event.backend] = {};
  if (event.what != kind::result || cluster_.backends()[event.backend].id != event.id) return;
  const probe_result& result = event.result;
  evidence& known = evidence_[event.backend];
  if (!known.told_at) known.told_at = result.sent_at;
  known.newest_question = std::max(known.newest_question, result.sent_at);
  const bool is_late = known.outcome && result.sent_at < known.heard_at;
  if (result.outcome == probe_outcome::local_trouble) {
    if (!is_late) known.trouble_at = std::max(known.trouble_at.value_or(result.sent_at), result.sent_at);
    return;
  }
  if (!is_late) {
    known.outcome = result.outcome;
    known.heard_at = result.sent_at;
    if (!is_miss(result.outcome)) known.was_dead = false;
    if (result.answer) known.has_lapsed = false;
  }
  if (!is_miss(result.outcome))
    known.alive_at = std::max(known.alive_at.value_or(result.sent_at), result.sent_at);
  if (!result.answer) return;
  if (result.sent_at <= cluster_.backends()[event.backend].changed_at) {
    known.answers_since_change = 0;
  } else if (!known.answer || result.sent_at > known.answered_at) {
    ++known.answers_since_change;
  }
  if (!known.answer || result.sent_at >= known.answered_at) {
    known.answer = result.answer;
    known.answered_at = result.sent_at;
  }
  const bool is_ours = result.answer->system.value == our_system;
  if (is_ours && !result.answer->is_in_recovery && result.answer->timeline > highest_) {
    highest_ = result.answer->timeline;
    highest_lsn_ = result.answer->write_lsn;
  }
}

std::optional<std::size_t> witness::index_of(backend_id id) const {
  for (std::size_t index = 0; index < cluster_.backends().size(); ++index) {
    if (cluster_.backends()[index].id == id) return index;
  }
  return {};
}

bool witness::claims(std::size_t index) const {
  const auto& answer = evidence_[index].answer;
  return answer && answer->system.value == our_system && !answer->is_in_recovery &&
         answer->timeline == highest_;
}

bool witness::may_be_dead(std::size_t index) const {
  const evidence& known = evidence_[index];
  if (known.was_dead) return true;
  // What was not watched, in a pause or in local trouble, is no silence. Unset compares less than any
  // instant.
  const auto since =
      std::max({known.alive_at ? known.alive_at : known.told_at, resumed_at_, known.trouble_at});
  return since && known.outcome && is_miss(*known.outcome) && cluster_.now() - *since >= options_.dead_after;
}

bool witness::was_chosen_among_several(backend_id primary) const {
  for (std::size_t other = 0; other < evidence_.size(); ++other) {
    const evidence& known = evidence_[other];
    const bool is_gone = !cluster_.backends()[other].is_named && known.outcome && is_miss(*known.outcome);
    const bool contends = claims(other) && !known.has_lapsed && !may_be_dead(other) && !is_gone;
    if (contends && cluster_.backends()[other].id != primary) return true;
  }
  return false;
}

// I3: the one backend that claims to be primary, undisturbed and heard twice since its last true change.
bool witness::must_be_eligible(std::size_t index) const {
  const simulated_backend& truth = cluster_.backends()[index];
  const evidence& known = evidence_[index];
  if (!truth.is_named || !truth.is_true_primary() || !truth.is_reachable || !claims(index)) return false;
  if (known.answers_since_change < 2 || known.answered_at < truth.changed_at) return false;
  if (known.outcome != probe_outcome::answered) return false;
  if (cluster_.now() - known.answered_at > options_.role_ttl) return false;
  if (resumed_at_ && known.answered_at < *resumed_at_) return false;
  const bool is_incumbent = previous_ && previous_->primary == truth.id;
  if (!has_asked_all_again()) return false;
  if (!is_incumbent && !has_heard_of_all()) return false;
  for (std::size_t other = 0; other < evidence_.size(); ++other) {
    if (other != index && claims(other)) return false;
  }
  return true;
}

// Before that nobody may be elected: to answer first proves nothing.
bool witness::has_heard_of_all() const {
  for (std::size_t i = 0; i < evidence_.size(); ++i) {
    if (cluster_.backends()[i].is_named && !evidence_[i].told_at) return false;
  }
  return true;
}

// After a pause the one that answers first may be the old primary.
bool witness::has_asked_all_again() const {
  for (std::size_t i = 0; i < evidence_.size(); ++i) {
    const evidence& known = evidence_[i];
    if (!cluster_.backends()[i].is_named || !known.told_at || !resumed_at_) continue;
    if (known.newest_question < *resumed_at_) return false;
  }
  return true;
}

std::string witness::check_read_write(std::size_t index, const backend_status& status,
                                      const topology_snapshot& snapshot) const {
  const simulated_backend& truth = cluster_.backends()[index];
  const evidence& known = evidence_[index];
  const time_point now = cluster_.now();
  if (!known.answer || known.answer->is_in_recovery) return "I1: rw to a backend last confirmed as a standby";
  if (!truth.last_primary_at || now - *truth.last_primary_at > options_.role_ttl) {
    return "I1: rw to a backend that truly was no primary for role_ttl";
  }
  if (resumed_at_ && *truth.last_primary_at < *resumed_at_) return "rw on what was known before a pause";
  if (!has_asked_all_again()) return "rw before everybody was asked again after a pause";
  if (known.answer->timeline != highest_) return "I2: rw below a timeline that was confirmed";
  if (!lets_in(*known.outcome)) return "rw to a backend that missed its last probe";
  if (!truth.is_named) return "rw to a backend that discovery no longer names";
  if (snapshot.primary != status.id) return "rw to a backend that is not the primary";
  if (!snapshot.rw_valid_until || *snapshot.rw_valid_until < now ||
      *snapshot.rw_valid_until - now > options_.role_ttl) {
    return "rw is valid for more or less than role_ttl allows";
  }
  return {};
}

std::string witness::check_read_only(std::size_t index, const backend_status& status) const {
  const evidence& known = evidence_[index];
  if (!known.answer || !known.answer->is_in_recovery) return "ro to a backend not confirmed as a standby";
  if (!lets_in(*known.outcome)) return "ro to a backend that missed its last probe";
  if (!cluster_.backends()[index].is_named) return "ro to a backend that discovery no longer names";
  if (status.role != role::standby) return "ro to a backend not named a standby";
  const bool is_proven = known.answer->is_timeline_lower_bound && known.answer->has_wal_receiver &&
                         known.answer->replay_lsn >= highest_lsn_ &&
                         known.answer->replay_lsn <= known.answer->receive_lsn;
  return known.answer->timeline >= highest_ || is_proven ? "" : "ro on a discarded timeline";
}

// Sessions end by proof or by dead_after, and with proof they do end.
std::string witness::check_sessions(std::size_t index, const backend_status& status,
                                    const topology_snapshot& snapshot) {
  const auto& answer = evidence_[index].answer;
  const bool is_foreign = answer && answer->system.value != our_system;
  const bool is_fenced = answer && !is_foreign && !answer->is_in_recovery && answer->timeline < highest_;
  const bool is_rival = claims(index) && snapshot.primary && snapshot.primary != status.id;
  covered_.foreign += is_foreign;
  covered_.fenced += is_fenced;
  covered_.rivals += is_rival;
  if (is_foreign || is_fenced) {
    return status.sessions == session_verdict::close_all ? ""
                                                         : "sessions stay on a foreign or fenced backend";
  }
  if (answer && answer->is_in_recovery && status.sessions == session_verdict::keep && !may_be_dead(index)) {
    return "rw sessions stay on a standby";
  }
  if (status.sessions == session_verdict::close_all) {
    ++covered_.dead;
    return may_be_dead(index) ? "" : "all sessions closed on mere misses";
  }
  if (status.sessions == session_verdict::close_read_write && !is_rival &&
      !(answer && answer->is_in_recovery)) {
    return "rw sessions closed without proof";
  }
  return {};
}

std::string witness::check_backend(std::size_t index, const backend_status& status,
                                   const topology_snapshot& snapshot) {
  const auto& answer = evidence_[index].answer;
  const bool is_used = status.is_rw_eligible || status.is_ro_eligible || status.role != role::unknown;
  if (is_used && (!answer || answer->system.value != our_system)) return "I6: a foreign backend is used";
  if (status.is_leaving == cluster_.backends()[index].is_named) return "leaving is not what discovery says";
  covered_.rw_eligible += status.is_rw_eligible;
  covered_.ro_eligible += status.is_ro_eligible;
  std::string broken;
  if (status.is_rw_eligible) broken = check_read_write(index, status, snapshot);
  if (broken.empty() && status.is_ro_eligible) broken = check_read_only(index, status);
  if (broken.empty()) broken = check_sessions(index, status, snapshot);
  if (!broken.empty()) return broken;
  if (!must_be_eligible(index)) return {};
  ++covered_.must_be_eligible;
  return status.is_rw_eligible ? "" : "I3: the one stable primary gets no rw";
}

// I4: role changes are blamed on something that truly happened, and misses alone move nobody.
std::string witness::check_change_of_primary(const simulated_event& event,
                                             const topology_snapshot& snapshot) {
  if (snapshot.primary && snapshot.primary != last_primary_) {
    last_primary_ = snapshot.primary;
    if (++covered_.primary_changes > cluster_.disturbances() + 1)
      return "I4: more changes of primary than causes";
  }
  if (snapshot.primary && previous_ && snapshot.primary != previous_->primary) {
    if (was_chosen_among_several(*snapshot.primary)) return "rule 4: one of several claimants was elected";
    if (!previous_->primary && !has_heard_of_all()) return "elected before every backend was probed once";
  }
  if (!previous_ || !previous_->primary || snapshot.primary == previous_->primary) return {};
  if (event.what == kind::forget || event.result.answer) return {};
  const auto index = index_of(*previous_->primary);
  const auto successor = snapshot.primary ? index_of(*snapshot.primary) : std::nullopt;
  const bool has_moved = index && successor && !cluster_.backends()[*index].is_named &&
                         is_miss(*evidence_[*index].outcome) && claims(*successor);
  if (has_moved) return {};
  return !index || may_be_dead(*index) ? "" : "the primary changed without any proof";
}

std::string witness::check(const simulated_event& event, const topology_snapshot& snapshot,
                           std::optional<time_point> next_deadline) {
  std::string broken = check_change_of_primary(event, snapshot);
  if (previous_ && snapshot.generation < previous_->generation) broken = "the generation fell";
  if (event.what == kind::result && has_heard_of_all()) has_been_complete_ = true;
  const bool is_pinned = options_.system.value != 0 || has_been_complete_;
  if (snapshot.fence != highest_ && (is_pinned || snapshot.fence.value != 0))
    broken = "the fence is not the highest confirmed timeline";
  if (next_deadline && *next_deadline <= cluster_.now()) broken = "the next deadline has passed already";
  if (std::ranges::count(snapshot.backends, role::primary, &backend_status::role) > 1)
    broken = "two primaries";
  for (const backend_status& status : snapshot.backends) {
    const auto index = index_of(status.id);
    if (!index) return "a forgotten backend is in the snapshot";
    evidence& known = evidence_[*index];
    known.was_dead = may_be_dead(*index);
    known.has_lapsed = known.has_lapsed || known.was_dead;
    if (broken.empty()) broken = check_backend(*index, status, snapshot);
  }
  previous_ = snapshot;
  return broken;
}

}  // namespace pgsteer::topology::testing
