// What happens to the world and to pgsteer in one history, but for the answers to its questions.
#include "simulation/run.hpp"

namespace pgsteer::simulation {
namespace {

// How often something happens, per event and mille: often in a storm, repairs in a calm.
constexpr std::uint64_t storm_per_mille = 80;
constexpr std::uint64_t calm_per_mille = 30;
constexpr std::uint64_t pgsteer_per_mille = 150;  // of what happens in a storm
constexpr std::uint64_t terminated_per_mille = 5;
constexpr std::uint64_t announced_per_mille = 4;
constexpr std::uint64_t ordered_per_mille = 4;
constexpr duration order_time_max = seconds{10};
constexpr std::uint64_t phase_min = 100;  // events
constexpr std::uint64_t phase_span = 900;
constexpr duration pause_max = seconds{12};
constexpr duration names_age_max = seconds{2};
// The longest that a stranger's answer is under way: shelf and pause, and then some.
constexpr duration stranger_memory = seconds{20};

}  // namespace

void run::act() {
  if (phase_left_-- == 0) {
    is_storm_ = !is_storm_;
    phase_left_ = phase_min + luck_.pick(phase_span);
  }
  if (luck_.happens(terminated_per_mille)) return terminate(luck_.pick(places_count));
  if (luck_.happens(announced_per_mille)) return announce();
  if (luck_.happens(ordered_per_mille)) return order_one();
  if (!luck_.happens(is_storm_ ? storm_per_mille : calm_per_mille)) return;
  if (!is_storm_) return mend();
  if (luck_.happens(pgsteer_per_mille)) return disturb_pgsteer();
  disturb_world();
}

void run::disturb_world() {
  const bool is_pinned = settings_.topology.system.value != 0 || core_->mark();
  note_strangers();
  const world::deed done = world_.disturb(is_pinned);
  if (done.what == nullptr) return;
  story_.note(now_, done.what, done.place);
  notice_lost_connections();
  push(now_ + luck_.between(duration{1}, names_age_max), kind::names);
  if (now_ < resumes_at_) return;
  if (luck_.happens(400)) hint(done.place);  // by a session that felt it
  ++events_;
  choose();
}

void run::mend() {
  if (luck_.happens(100)) return replace_mark();
  if (luck_.happens(100)) return forget_one();
  note_strangers();
  const world::deed done = world_.mend();
  if (done.what == nullptr) return;
  story_.note(now_, done.what, done.place);
  notice_lost_connections();
  push(now_ + luck_.between(duration{1}, names_age_max), kind::names);
}

void run::disturb_pgsteer() {
  switch (luck_.pick(8)) {
    case 0:
    case 1:
      return pause();
    case 2:
      return restart(true);
    case 3:
      return restart(false);
    case 4:
      story_.note(now_, "this host is out of descriptors for a while");
      trouble_until_ = now_ + luck_.between(duration{1}, seconds{3});
      return;
    case 5:
      for (std::size_t index = 0; index < places_count; ++index) hint(index);
      return;
    case 6:
      return replace_mark();
    default:
      return forget_one();
  }
}

// The world goes on meanwhile.
void run::pause() {
  const duration length = luck_.between(milliseconds{50}, pause_max);
  story_.note(now_, "pgsteer stands still");
  ++tried_.pauses;
  resumes_at_ = now_ + length;
  oracle_.stands_still_until(resumes_at_);
  for (std::uint64_t changes = luck_.pick(4); changes > 0; --changes) {
    push(now_ + luck_.between(duration{1}, length), kind::change);
  }
  push(resumes_at_, kind::resume);
}

// Before every change of the world: a stranger that goes now may still be heard of.
void run::note_strangers() {
  if (world_.has_strangers()) strangers_until_ = now_ + stranger_memory;
}

// With neither a mark nor a name another cluster could be taken for ours: the README says so.
bool run::may_learn_anew() const {
  return settings_.topology.system.value != 0 || (!world_.has_strangers() && now_ >= strangers_until_);
}

void run::restart(bool with_mark) {
  const bool has_mark = with_mark && saved_;
  if (!has_mark && !may_learn_anew()) return;
  if (!has_mark) saved_.reset();
  ++(has_mark ? tried_.restarts_with_mark : tried_.restarts_without);
  story_.note(now_, has_mark ? "pgsteer is restarted with its mark" : "pgsteer is restarted without a mark");
  core_.emplace(settings_.topology, saved_);
  oracle_.restarted(saved_);
  attention_ = {};
  vigil_.restarted();
  is_published_ = false;
  // Nothing that was under way reaches the new process; the world's own changes are not due while it runs.
  due_ = {};
  shelf_.clear();
  for (asker& probe : askers_) probe = {std::nullopt, std::nullopt, probe.number + 1, false, {}, 0, {}};
  tick();
  tell_names();
}

void run::tell_names() {
  std::uint64_t names = 0;
  for (std::size_t index = 0; index < places_count; ++index) {
    if (world_.places()[index].is_named) names |= std::uint64_t{1} << index;
  }
  if (is_published_ && names == told_names_) return;
  told_names_ = names;
  story_.note(now_, "discovery tells its names");
  core_->set_backends(world_.named());
  oracle_.told_names();
  conclude(false, true);
  if (broken_ != nullptr) return;
  if (const char* const broken = vigil_.check_names(timetables(), now_)) fail(broken);
}

void run::forget_one() {
  const std::size_t index = luck_.pick(places_count);
  const asker& probe = askers_[index];
  if (!probe.id) return;
  story_.note(now_, "has no sessions any more: to be forgotten if it left", index);
  if (core_->forget(*probe.id)) oracle_.forgot(index);
  conclude(false, true);
}

// It may mean anybody, and it may come to nothing.
void run::announce() {
  const std::size_t index = luck_.pick(places_count);
  const asker& probe = askers_[index];
  if (!probe.id || luck_.happens(300)) {
    story_.note(now_, "no switchover is announced any more");
    core_->withdraw_switchover();
    oracle_.told_withdrawal();
  } else {
    story_.note(now_, "is announced to be replaced", index);
    ++tried_.announcements;
    const auto sign = luck_.happens(500) ? replacement_sign::status : replacement_sign::deletion;
    core_->announce_switchover(*probe.id, sign, now_);
    oracle_.told_replacement(*probe.id, sign);
  }
  conclude();
}

// For a while as a rule: for good there would be nobody left to go to.
void run::order_one() {
  const std::size_t index = luck_.pick(places_count);
  const asker& probe = askers_[index];
  if (!probe.id) return;
  std::optional<operator_order> wanted;
  if (luck_.happens(600)) {
    wanted.emplace();
    if (luck_.happens(500)) wanted->what = operator_order::kind::drain;
    if (luck_.happens(900)) wanted->until = now_ + luck_.between(duration{1}, order_time_max);
  }
  story_.note(now_, wanted ? "is ordered to take no new sessions" : "is under no order any more", index);
  ++tried_.orders;
  core_->set_order(*probe.id, wanted);
  oracle_.told_order(index, wanted);
  conclude();
}

// After a restore to an earlier point in time the operator lowers the fence by hand.
void run::replace_mark() {
  const auto newest = world_.newest_primary();
  if (!newest) return;
  const postgres& primary = *world_.places()[*newest].here;
  if (primary.timeline >= oracle_.highest()) return;
  std::optional<fence_mark> mark;
  if (!may_learn_anew() || luck_.happens(500)) {
    mark = fence_mark{world_.ours(), primary.timeline, {luck_.happens(500) ? primary.position : 0}};
  }
  ++tried_.marks_replaced;
  story_.note(now_, "the operator replaces the mark", *newest);
  if (!mark) saved_.reset();
  core_->replace_mark(mark);
  oracle_.told_mark(mark);
  obey(attention_.note_mark_replaced());
  conclude();
}

}  // namespace pgsteer::simulation
