// What the oracle notes; what it demands is in rules.cpp.
#include "simulation/oracle.hpp"

#include <algorithm>

namespace pgsteer::simulation {
namespace {

bool is_miss(probe_outcome outcome) {
  return outcome == probe_outcome::refused || outcome == probe_outcome::timed_out ||
         outcome == probe_outcome::unreachable || outcome == probe_outcome::connection_lost;
}

bool is_loss(probe_outcome outcome) {
  return outcome == probe_outcome::refused || outcome == probe_outcome::connection_lost;
}

}  // namespace

bool lets_in(probe_outcome outcome) {
  return outcome == probe_outcome::answered || outcome == probe_outcome::wrong_credentials ||
         outcome == probe_outcome::too_many_clients;
}

void coverage::add(const coverage& other) {
  for (const named_counter& one : all()) this->*one.counter += other.*one.counter;
}

oracle::oracle(const world& truth, const topology::topology_options& options, duration probe_period)
    : truth_(truth), options_(options), probe_period_(probe_period) {}

void oracle::restarted(const std::optional<fence_mark>& mark) {
  seen_.fill({});
  backends_ = 0;
  resumed_at_.reset();
  incumbent_.reset();
  last_primary_.reset();
  primary_position_ = 0;
  announced_.reset();
  deleted_.reset();
  ordered_.fill({});
  told_mark(mark);
}

void oracle::told_mark(const std::optional<fence_mark>& mark) {
  is_pinned_ = options_.system.value != 0 || mark;
  highest_ = remembered_ = mark ? mark->timeline : timeline_id{};
  highest_lsn_ = mark ? mark->raised_at : lsn{};
  risen_at_.reset();
  for (evidence& known : seen_) {
    known.rival_on = {};
    known.is_heard_anew = false;
    if (known.answer && !known.answer->is_in_recovery) known.answer.reset();
    if (is_pinned_) continue;
    evidence unasked;
    unasked.id = known.id;
    unasked.is_named = known.is_named;
    unasked.left_as_primary = known.left_as_primary;
    known = unasked;
  }
  incumbent_.reset();
  disturbed_at_ = marked_at_ = truth_.now();
  ++causes_;
}

void oracle::told_names() {
  for (std::size_t index = 0; index < places_count; ++index) {
    evidence& known = seen_[index];
    const bool is_named = truth_.places()[index].is_named;
    if (known.is_named && !is_named) known.left_as_primary = incumbent_ && known.id == incumbent_;
    if (is_named) known.left_as_primary = false;
    known.is_named = is_named;
  }
  disturbed_at_ = truth_.now();
}

void oracle::forgot(std::size_t index) {
  if (!seen_[index].is_named) seen_[index] = {};
}

void oracle::enrol(const topology_snapshot& snapshot) {
  backends_ = 0;
  for (const backend_status& status : snapshot.backends) {
    const auto& places = truth_.places();
    const auto found = std::ranges::find_if(
        places, [&](const place& where) { return where.spec.address == status.address; });
    const auto index = static_cast<std::size_t>(found - places.begin());
    seen_[index].id = status.id;
    order_[backends_++] = index;
  }
}

void oracle::told_pause() {
  resumed_at_ = disturbed_at_ = truth_.now();
  for (evidence& known : seen_) {
    known.unwatched_until = truth_.now();
    known.missing_since.reset();
  }
}

void oracle::told_late(std::size_t index, time_point sent_at) {
  evidence& known = seen_[index];
  if (!known.id || (known.is_heard && sent_at <= known.newest_question)) return;
  known.late_at = std::max(known.late_at.value_or(sent_at), sent_at);
}

void oracle::told(std::size_t index, const probe_result& result) {
  evidence& known = seen_[index];
  if (!known.id) return;
  if (!known.is_heard) known.unwatched_until = std::max(known.unwatched_until, result.sent_at);
  known.is_heard = known.is_heard_anew = true;
  known.newest_question = std::max(known.newest_question, result.sent_at);
  if (known.late_at && result.sent_at >= *known.late_at) known.late_at.reset();
  if (result.answer) note_proof(known, result);
  if (result.was_terminated) known.terminated_at = std::max(known.terminated_at, result.sent_at);
  note_outcome(known, result);
}

void oracle::note_proof(evidence& known, const probe_result& result) {
  const bool was_standby = known.answer && known.answer->is_in_recovery;
  if (!known.answer || result.sent_at >= known.answered_at) {
    known.answer = result.answer;
    known.answered_at = result.sent_at;
  }
  const role_answer& answer = *result.answer;
  if (answer.system != truth_.ours() || answer.is_in_recovery) return;
  const bool is_position_due = answer.timeline == highest_ && highest_lsn_.value == 0;
  if (answer.timeline <= highest_ && !is_position_due) return;
  if (result.sent_at < marked_at_) ++causes_;  // of before the mark was replaced: it is undone once more
  if (answer.timeline > highest_ && (was_standby || incumbent_)) risen_at_ = result.sent_at;
  highest_ = answer.timeline;
  highest_lsn_ = answer.write_lsn;
}

// The same word again is no news, for a minute.
void oracle::told_replacement(backend_id from, replacement_sign sign) {
  constexpr duration believed_for = seconds{5};
  if (incumbent_ && incumbent_ != from) return;
  auto& before = sign == replacement_sign::status ? announced_ : deleted_;
  const bool is_old =
      before && before->from == from && truth_.now() - before->until < std::chrono::minutes{1};
  if (is_old) {
    before->is_withdrawn = false;
  } else {
    before = {from, truth_.now() + believed_for};
  }
}

// After a promotion: until its sessions were ended once more, or its time is over.
bool oracle::is_settling(const evidence& known) const {
  constexpr duration by_itself = milliseconds{1500};
  const duration longest = options_.settle.value_or(options_.is_cnpg_cluster ? by_itself : duration::zero());
  if (!risen_at_ || truth_.now() >= *risen_at_ + longest) return false;
  return known.terminated_at < *risen_at_ || known.answered_at < known.terminated_at;
}

bool oracle::is_told(const std::optional<announcement>& sign, const evidence& known) const {
  return sign && !sign->is_withdrawn && known.id == sign->from && truth_.now() < sign->until;
}

bool oracle::is_switching_over(const evidence& known) const {
  return is_told(announced_, known) || is_told(deleted_, known);
}

// A pod that is deleted may wait for its sessions.
bool oracle::is_stopped_soon(const evidence& known) const {
  const bool is_deleted = deleted_ && deleted_->from == known.id;
  return is_told(announced_, known) && !is_deleted;
}

void oracle::note_outcome(evidence& known, const probe_result& result) {
  const bool is_older = known.outcome && result.sent_at < known.heard_at;
  const bool is_trouble = result.outcome == probe_outcome::local_trouble;
  if (is_older && (is_trouble || is_miss(result.outcome))) return;
  if (is_trouble || !is_miss(result.outcome)) {
    known.unwatched_until = std::max(known.unwatched_until, result.sent_at);
    // An older sign of life shortens the silence; nothing else ends it.
    if (known.missing_since) known.missing_since = is_older ? std::optional(truth_.now()) : std::nullopt;
  }
  if (is_trouble) disturbed_at_ = truth_.now();
  if (is_older || is_trouble) return;
  if (is_loss(result.outcome) && known.outcome && !is_miss(*known.outcome)) {
    known.lost_at = truth_.now();
    known.back_at.reset();
  } else if (result.outcome == probe_outcome::answered && known.lost_at && !known.back_at) {
    known.back_at = result.sent_at;
  }
  const bool is_57p03 = result.outcome == probe_outcome::not_accepting;
  known.is_shutting_down =
      result.outcome == probe_outcome::shutting_down || (known.is_shutting_down && is_57p03);
  known.outcome = result.outcome;
  known.heard_at = result.sent_at;
  const bool is_gone = is_miss(result.outcome) && result.outcome != probe_outcome::connection_lost;
  if (is_gone || is_57p03) known.was_gone = true;
  if (result.answer) known.was_gone = false;
  if (is_miss(result.outcome)) {
    if (!known.missing_since) known.missing_since = truth_.now();
    return;
  }
  known.may_be_dead = known.must_be_dead = false;
  if (result.answer) known.may_have_lapsed = known.must_have_lapsed = false;
}

// As time alone changes what is known.
void oracle::age() {
  const time_point now = truth_.now();
  for (auto& order : ordered_)
    if (order && order->until && now >= *order->until) order.reset();
  for (evidence& known : seen_) {
    if (!known.id || !known.outcome || !is_miss(*known.outcome)) continue;
    if (now - known.unwatched_until >= options_.dead_after && !known.may_be_dead) {
      known.may_be_dead = known.may_have_lapsed = true;
      ++causes_;
    }
    if (known.missing_since && now - *known.missing_since >= options_.dead_after) {
      known.must_be_dead = known.must_have_lapsed = true;
    }
  }
}

bool oracle::has_seen_strangers() const {
  return std::ranges::any_of(seen_, [this](const evidence& known) { return is_stranger(known); });
}

bool oracle::is_member(const evidence& known) const {
  return known.answer && known.answer->system == truth_.ours();
}

bool oracle::is_stranger(const evidence& known) const {
  return known.answer && known.answer->system != truth_.ours();
}

bool oracle::claims(const evidence& known) const {
  return known.id && is_member(known) && !known.answer->is_in_recovery && known.answer->timeline == highest_;
}

// Left by discovery and silent: it contends for nothing, though its claim may still stand.
bool oracle::is_absent(const evidence& known) {
  return !known.is_named && known.outcome && is_miss(*known.outcome);
}

bool oracle::was_everybody_asked_again() const {
  return std::ranges::all_of(seen_, [this](const evidence& known) {
    return !known.is_named || !known.is_heard || !resumed_at_ || known.newest_question >= *resumed_at_;
  });
}

// The one elected last speaks, and so shows the timeline that is in use.
bool oracle::is_primary_answering() const {
  const auto found = std::ranges::find(seen_, incumbent_, &evidence::id);
  return incumbent_ && found != seen_.end() && !found->late_at && found->outcome && lets_in(*found->outcome);
}

bool oracle::was_everybody_heard() const {
  return std::ranges::all_of(seen_,
                             [](const evidence& known) { return !known.is_named || known.is_heard_anew; });
}

}  // namespace pgsteer::simulation
