// What the oracle demands of every decision and every choice: invariants I1 to I6, and the rules of truth.
#include <algorithm>

#include "simulation/oracle.hpp"

namespace pgsteer::simulation {
namespace {

using routing::target_session_attrs;
using topology::role;
using topology::session_verdict;

// A standby that was lost rests at least so long after its return, and at most so long.
constexpr duration rest_min = milliseconds{500};
constexpr duration rest_max = seconds{30};

bool is_same(const backend_status& left, const backend_status& right) {
  return left.id == right.id && left.role == right.role && left.is_rw_eligible == right.is_rw_eligible &&
         left.is_ro_eligible == right.is_ro_eligible && left.is_answering == right.is_answering &&
         left.is_leaving == right.is_leaving && left.sessions == right.sessions &&
         left.close_when_idle == right.close_when_idle && left.ends_them_soon == right.ends_them_soon &&
         left.reason == right.reason && left.order == right.order;
}

}  // namespace

oracle::verdict oracle::check(const decision& made) {
  age();
  for (evidence& known : seen_) {
    known.is_held = is_settling(known) || is_switching_over(known);
    if (!known.id || !is_member(known) || !known.answer->is_in_recovery || !shows_timeline(known)) continue;
    known.followed = highest_;
    known.followed_in_run = known.answer->start_time_us;
  }
  const topology_snapshot& snapshot = made.snapshot;
  if (snapshot.backends.size() != backends_) return "a backend is missing, or a forgotten one is there";
  if (made.mark) is_pinned_ = true;
  verdict broken = check_generation(made);
  if (broken == nullptr) broken = check_fence(made);
  if (broken == nullptr) broken = check_primary(snapshot);
  for (std::size_t i = 0; i < backends_ && broken == nullptr; ++i) {
    broken = check_backend(order_[i], snapshot.backends[i], snapshot);
  }
  if (broken == nullptr) broken = check_rest(snapshot);
  incumbent_ = snapshot.primary;
  for (auto* told : {&announced_, &deleted_}) {
    if (*told && incumbent_ && incumbent_ != (*told)->from) told->reset();
  }
  if (snapshot.is_ambiguous) note_rivals();
  return broken;
}

void oracle::note_rivals() {
  const auto holder = std::ranges::find(seen_, incumbent_, &evidence::id);
  if (!incumbent_ || holder == seen_.end() || holder->outcome != probe_outcome::answered) return;
  for (evidence& other : seen_) {
    if (&other == &*holder || !claims(other) || other.outcome != probe_outcome::answered) continue;
    other.rival_on = highest_;
    other.rival_of = *incumbent_;
  }
}

// The silence of the one that it stood beside does not make it the primary.
bool oracle::is_known_rival(const evidence& known) const {
  if (known.rival_on != highest_) return false;
  const auto other = std::ranges::find(seen_, std::optional(known.rival_of), &evidence::id);
  return other == seen_.end() || !other->answer || !other->answer->is_in_recovery;
}

oracle::verdict oracle::check_generation(const decision& made) const {
  if (made.next_deadline && *made.next_deadline <= truth_.now()) return "I5: the next deadline has passed";
  if (made.previous == nullptr) return nullptr;
  const topology_snapshot& before = *made.previous;
  if (made.snapshot.generation < before.generation) return "the generation fell";
  if (made.snapshot.generation > before.generation) return nullptr;
  const bool is_unchanged = made.snapshot.primary == before.primary && made.snapshot.fence == before.fence &&
                            made.snapshot.is_ambiguous == before.is_ambiguous &&
                            std::ranges::equal(made.snapshot.backends, before.backends, is_same);
  return is_unchanged ? nullptr : "a verdict changed under the same generation";
}

oracle::verdict oracle::check_fence(const decision& made) {
  const topology_snapshot& snapshot = made.snapshot;
  if (is_pinned_ && snapshot.system != truth_.ours()) return "I6: pinned to another cluster";
  const bool is_fence_known = is_pinned_ || snapshot.fence.value != 0;
  if (is_fence_known && snapshot.fence != highest_) return "I2: the fence is not the highest timeline told";
  if (made.mark) {
    if (made.mark->system != truth_.ours()) return "I6: the mark names another cluster";
    if (made.mark->timeline != highest_) return "I2: the mark is not the highest timeline told";
    if (made.mark->raised_at != highest_lsn_) return "the mark's position is not the first one told";
    return nullptr;
  }
  if (snapshot.rw_valid_until) return "I2: rw is given before a restart would know the fence";
  const bool is_certain = highest_.value != 0 && was_everybody_heard() && !has_seen_strangers();
  return made.is_after_result && is_certain ? "I2: nothing is marked, though the cluster is known" : nullptr;
}

// I4: misses alone move nobody, and a primary whose claim stands stays.
oracle::verdict oracle::check_incumbent(const topology_snapshot& snapshot) const {
  if (!incumbent_ || snapshot.primary == incumbent_) return nullptr;
  const auto found = std::ranges::find(seen_, incumbent_, &evidence::id);
  if (found == seen_.end() || !claims(*found) || found->may_have_lapsed) return nullptr;
  const bool may_have_moved = is_absent(*found) && std::ranges::any_of(seen_, [&](const evidence& other) {
                                return other.id != incumbent_ && claims(other);
                              });
  return may_have_moved ? nullptr : "I4: the primary changed though its claim stands";
}

oracle::verdict oracle::check_primary(const topology_snapshot& snapshot) {
  if (const verdict broken = check_incumbent(snapshot)) return broken;
  const auto contends = [this](const evidence& known) {
    return claims(known) && !known.may_have_lapsed && !is_absent(known);
  };
  const auto contenders = std::ranges::count_if(seen_, contends);
  if (is_pinned_ && contenders > 1 && !snapshot.is_ambiguous) return "rule 4: no alarm, though two claim";
  if (!snapshot.primary) return nullptr;
  const auto found = std::ranges::find(seen_, snapshot.primary, &evidence::id);
  if (found == seen_.end() || !claims(*found))
    return "I2: a primary that does not claim the highest timeline";
  primary_position_ = found->answer->write_lsn.value;
  if (snapshot.primary != incumbent_) {
    if (has_rival(*found, false)) return "rule 4: one of several that claim was elected";
    if (is_known_rival(*found)) return "rule 4: a known rival was elected by silence";
    if (!was_everybody_heard()) return "elected before every backend was probed once";
  }
  if (snapshot.primary == last_primary_) return nullptr;
  last_primary_ = snapshot.primary;
  ++covered_.elections;
  return ++elections_ > truth_.reigns() + causes_ ? "I4: more role changes than causes" : nullptr;
}

bool oracle::has_rival(const evidence& known, bool counts_doubtful) const {
  return std::ranges::any_of(seen_, [&](const evidence& other) {
    if (&other == &known || !claims(other)) return false;
    if (counts_doubtful) return !other.must_have_lapsed;
    return !other.may_have_lapsed && !is_absent(other);
  });
}

// It claims alone, was heard of late, and everything that was told speaks for it.
bool oracle::must_take_rw(const evidence& known) const {
  if (!is_pinned_ || !claims(known) || known.late_at) return false;
  if (!known.is_named && (!known.left_as_primary || known.id != incumbent_)) return false;
  if (known.outcome != probe_outcome::answered || known.heard_at != known.answered_at) return false;
  if (truth_.now() - known.answered_at > options_.role_ttl) return false;
  if (resumed_at_ && known.answered_at < *resumed_at_) return false;
  if (!was_everybody_asked_again() || (known.id != incumbent_ && !was_everybody_heard())) return false;
  return !has_rival(known, true) && (known.id == incumbent_ || !is_known_rival(known));
}

// I3 in terms of the truth: the one reachable primary, undisturbed for two probe periods.
bool oracle::is_stable_primary(std::size_t index) const {
  const auto& places = truth_.places();
  const place& where = places[index];
  if (!truth_.is_primary(where) || !where.is_named || !where.way.is_clean()) return false;
  const postgres& who = *where.here;
  if (who.is_frozen || who.is_login_hung || who.is_shutting_down || !who.is_probe_welcome ||
      who.timeline < highest_)
    return false;
  const time_point disturbed_at =
      std::max({where.changed_at, who.ready_at, disturbed_at_, seen_[index].meddled_at});
  if (truth_.now() - disturbed_at < 2 * probe_period_ || !seen_[index].is_named || !is_pinned_) return false;
  if (seen_[index].id != incumbent_ && is_known_rival(seen_[index])) return false;
  for (std::size_t other = 0; other < places.size(); ++other) {
    if (other == index) continue;
    if (truth_.is_primary(places[other]) && places[other].here->timeline >= who.timeline) return false;
    if (claims(seen_[other]) && !seen_[other].must_have_lapsed) return false;
    // A result that everybody waits for is withheld: the first one, or the first after a pause.
    const bool is_awaited =
        !seen_[other].is_heard || (resumed_at_ && seen_[other].newest_question < *resumed_at_);
    if (is_awaited && seen_[other].meddled_at > truth_.now() - 2 * probe_period_) return false;
  }
  return true;
}

oracle::verdict oracle::check_backend(std::size_t index, const backend_status& status,
                                      const topology_snapshot& snapshot) {
  const evidence& known = seen_[index];
  if (known.id != status.id) return "a backend is not the one that was named";
  if (status.is_leaving == known.is_named) return "leaving is not what discovery says";
  const bool is_used = status.is_rw_eligible || status.is_ro_eligible || status.role != role::unknown;
  if (is_used && !is_member(known)) return "I6: a backend is used that is not known to be of this cluster";
  if (status.role == role::standby && !known.answer->is_in_recovery) return "a primary is called a standby";
  if (known.late_at && (status.is_rw_eligible || status.is_ro_eligible || status.is_answering)) {
    return "new sessions are let in while a probe is late";
  }
  covered_.late += known.late_at.has_value();
  covered_.shutting_down += known.is_shutting_down;
  const bool is_expected =
      known.is_shutting_down || (is_switching_over(known) && status.id == snapshot.primary);
  if (status.close_when_idle && !is_expected) return "sessions end, though nobody waits for that";
  if (!status.close_when_idle && known.is_shutting_down) return "a shutdown waits for sessions that stay";
  const verdict broken = check_sessions(known, status, snapshot);
  if (broken != nullptr) return broken;
  if (status.order != ordered_[index]) return "the operator's order is not in force, or not what it was";
  return ordered_[index] ? check_ordered(index, status) : check_eligible(index, status);
}

// By the operator's order: no new sessions, and nothing else.
oracle::verdict oracle::check_ordered(std::size_t index, const backend_status& status) {
  const evidence& known = seen_[index];
  if (status.is_rw_eligible || status.is_ro_eligible) return "new sessions go where the operator wants none";
  if (must_take_rw(known) && !known.is_held) {
    ++covered_.ordered_primaries;
    if (status.role != role::primary || !status.is_kept_by_order_alone())
      return "I3: an order takes the role from a primary that was just proven";
  }
  covered_.ordered_standbys += is_sound_standby(known);
  return nullptr;
}

oracle::verdict oracle::check_eligible(std::size_t index, const backend_status& status) {
  const evidence& known = seen_[index];
  verdict broken = nullptr;
  if (status.is_rw_eligible) broken = check_read_write(index);
  if (broken == nullptr && status.is_ro_eligible) broken = check_read_only(index);
  if (broken != nullptr) return broken;
  covered_.rw_eligible += status.is_rw_eligible;
  covered_.ro_eligible += status.is_ro_eligible;
  if (must_take_rw(known) && known.is_held) {
    covered_.settling += is_settling(known);
    const bool is_only_announced = !is_settling(known);
    covered_.switching_over += is_only_announced;
    if (is_only_announced && !status.close_when_idle) return "a switchover waits for sessions that stay";
    if (is_only_announced && status.ends_them_soon != is_stopped_soon(known))
      return "who waits for transactions is taken for one who does not, or the other way round";
  } else if (must_take_rw(known)) {
    ++covered_.must_take_rw;
    if (!status.is_rw_eligible) return "I3: a primary that was just proven gets no rw";
  }
  if (is_stable_primary(index) && !known.is_held) {
    ++covered_.stable_primaries;
    if (!status.is_rw_eligible) return "I3: the one reachable primary, stable for two periods, gets no rw";
  }
  return nullptr;
}

oracle::verdict oracle::check_read_write(std::size_t index) const {
  const evidence& known = seen_[index];
  const time_point now = truth_.now();
  const time_point until = truth_.primary_until(truth_.places()[index]);
  if (!is_member(known)) return "I6: rw to a backend that is not known to be of this cluster";
  if (known.answer->is_in_recovery) return "I1: rw to a backend last confirmed as a standby";
  if (known.answer->timeline != highest_) return "I2: rw below a timeline that was confirmed";
  if (now - known.answered_at > options_.role_ttl) return "rw on an answer older than role_ttl";
  if (until < now - options_.role_ttl) return "I1: rw to a backend that truly was no primary for role_ttl";
  if (resumed_at_ && until < *resumed_at_) return "rule 6: rw on what was known before a pause";
  if (is_settling(known)) return "rw to a primary whose promotion has not settled";
  if (is_switching_over(known)) return "rw to a primary that is about to be replaced";
  if (!was_everybody_asked_again()) return "rule 6: rw before everybody was asked again after a pause";
  if (!lets_in(*known.outcome)) return "rw to a backend that does not let in";
  if (known.was_gone) return "I6: rw by the last word of one that was gone since";
  return known.is_named || known.left_as_primary ? nullptr : "rw to a backend that discovery no longer names";
}

oracle::verdict oracle::check_read_only(std::size_t index) const {
  const evidence& known = seen_[index];
  if (!is_member(known)) return "I6: ro to a backend that is not known to be of this cluster";
  if (!known.answer->is_in_recovery) return "ro to a backend not confirmed as a standby";
  if (!lets_in(*known.outcome)) return "ro to a backend that does not let in";
  if (!known.is_named) return "ro to a backend that discovery no longer names";
  if (known.was_gone) return "I6: ro by the last word of one that was gone since";
  return is_on_timeline(known) ? nullptr : "ro on a discarded timeline";
}

// It follows the highest timeline: by its own word, or by what it replayed of what it received.
bool oracle::shows_timeline(const evidence& known) const {
  const role_answer& answer = *known.answer;
  if (answer.timeline >= highest_) return true;
  const bool has_stale_primary = std::ranges::any_of(seen_, [this](const evidence& other) {
    return other.id && other.outcome == probe_outcome::answered && is_member(other) &&
           !other.answer->is_in_recovery && other.answer->timeline < highest_;
  });
  return answer.is_timeline_lower_bound && answer.has_wal_receiver && answer.replay_lsn >= highest_lsn_ &&
         answer.replay_lsn <= answer.receive_lsn && !has_stale_primary;
}

// Nobody leaves a timeline for an older one without a restart, so what it showed once holds for that run.
bool oracle::is_on_timeline(const evidence& known) const {
  const bool has_shown = known.followed == highest_ && known.followed_in_run == known.answer->start_time_us;
  const bool denies = !known.answer->is_timeline_lower_bound && known.answer->timeline.value != 0;
  return shows_timeline(known) || (has_shown && !denies);
}

// Sessions end by proof or by dead_after, and with proof they do end.
oracle::verdict oracle::check_sessions(const evidence& known, const backend_status& status,
                                       const topology_snapshot& snapshot) {
  const bool is_standby = is_member(known) && known.answer->is_in_recovery;
  const bool is_fenced = is_member(known) && !is_standby && known.answer->timeline < highest_;
  const bool is_rival = claims(known) && snapshot.primary && snapshot.primary != status.id;
  covered_.strangers += is_stranger(known);
  covered_.fenced += is_fenced;
  covered_.fenced_by_mark += is_fenced && highest_ == remembered_;
  covered_.rivals += is_rival;
  covered_.dead += known.must_be_dead;
  switch (status.sessions) {
    case session_verdict::keep:
      if (known.must_be_dead) return "sessions stay on a backend that was silent for dead_after";
      if (!is_pinned_ || known.may_be_dead) return nullptr;
      if (is_stranger(known)) return "I6: sessions stay on a backend of another cluster";
      if (is_fenced) return "I2: sessions stay on a fenced backend";
      return is_standby ? "I1: rw sessions stay on a standby" : nullptr;
    case session_verdict::close_read_write:
      return is_standby || is_rival ? nullptr : "rw sessions are closed without proof";
    case session_verdict::close_all:
      return is_stranger(known) || is_fenced || known.may_be_dead ? nullptr
                                                                  : "all sessions are closed on mere misses";
  }
  return nullptr;
}

// Everything that was told speaks for it; only a loss that is not long past may keep it waiting.
bool oracle::is_sound_standby(const evidence& known) const {
  if (!is_pinned_ || !known.is_named || !is_member(known) || !known.answer->is_in_recovery) return false;
  if (known.outcome != probe_outcome::answered || known.heard_at != known.answered_at || known.late_at) {
    return false;
  }
  if (known.answer->timeline > highest_) return false;  // it may follow one that is not known yet, or nobody
  return known.answer->timeline.value != 0 && is_on_timeline(known);
}

// A crash-looping standby rests, but never so that nobody is left.
oracle::verdict oracle::check_rest(const topology_snapshot& snapshot) {
  bool is_any_sound = false;
  bool is_any_taken = false;
  bool is_resting_taken = false;
  bool is_rested_taken = false;
  for (std::size_t i = 0; i < backends_; ++i) {
    const evidence& known = seen_[order_[i]];
    const bool is_taken = snapshot.backends[i].is_ro_eligible;
    const bool is_sound = is_sound_standby(known) && !ordered_[order_[i]];
    const bool is_rested = !known.lost_at || (known.back_at && truth_.now() - *known.back_at > rest_max);
    if (is_sound && is_rested && !is_taken) return "ro is withheld from a sound standby";
    const bool must_rest = known.back_at && truth_.now() - *known.back_at < rest_min;
    covered_.resting += is_sound && must_rest;
    is_any_sound = is_any_sound || is_sound;
    is_any_taken = is_any_taken || is_taken;
    is_resting_taken = is_resting_taken || (is_taken && is_sound && must_rest);
    is_rested_taken = is_rested_taken || (is_taken && is_rested);
  }
  if (is_any_sound && !is_any_taken) return "every standby is banned";
  return is_resting_taken && is_rested_taken ? "ro to a standby that was just lost, though others are left"
                                             : nullptr;
}

oracle::verdict oracle::check_lag(const routing::route_policy& policy, const evidence& known) const {
  const std::uint64_t replayed = known.answer->replay_lsn.value;
  const std::uint64_t lag = primary_position_ > replayed ? primary_position_ - replayed : 0;
  return policy.replay_lag_bytes_max && lag > *policy.replay_lag_bytes_max ? "ro beyond max_replay_lag"
                                                                           : nullptr;
}

oracle::verdict oracle::check_no_primary() const {
  bool is_denied = false;
  for (std::size_t i = 0; i < places_count; ++i)
    is_denied = is_denied || (!seen_[i].is_held && !ordered_[i] && must_take_rw(seen_[i]));
  return is_denied ? "I3: no backend is chosen for rw, though one is proven" : nullptr;
}

oracle::verdict oracle::check_choice(const routing::route_policy& policy, const routing::choice& chosen,
                                     const topology_snapshot& snapshot) {
  const bool needs_primary = routing::needs_primary(policy.route);
  if (chosen.backend == nullptr) return needs_primary ? check_no_primary() : nullptr;
  const auto found = std::ranges::find(seen_, chosen.backend->id, &evidence::id);
  if (found == seen_.end()) return "a backend is chosen that nobody named";
  const auto index = static_cast<std::size_t>(found - seen_.begin());
  if (found->late_at) return "a backend is chosen whose probe is late";
  if (ordered_[index]) return "a backend is chosen where the operator wants no new sessions";
  if (needs_primary) return check_read_write(index);
  if (policy.route == target_session_attrs::any) {
    if (!found->is_named || !lets_in(*found->outcome)) return "any: a backend is chosen that lets nobody in";
    return is_pinned_ && is_stranger(*found) ? "I6: any: a backend of another cluster is chosen" : nullptr;
  }
  const bool is_primary = is_member(*found) && !found->answer->is_in_recovery;
  if (is_primary && policy.route == target_session_attrs::prefer_standby) {
    for (const backend_status& other : snapshot.backends) {
      const auto standby = std::ranges::find(seen_, other.id, &evidence::id);
      if (other.is_ro_eligible && check_lag(policy, *standby) == nullptr) {
        return "prefer-standby: the primary is chosen though a standby is left";
      }
    }
    return check_read_write(index);
  }
  const verdict broken = check_read_only(index);
  if (broken != nullptr) return broken;
  if (found->answer->timeline > highest_ && is_primary_answering()) return "ro above the timeline in use";
  return check_lag(policy, *found);
}

}  // namespace pgsteer::simulation
