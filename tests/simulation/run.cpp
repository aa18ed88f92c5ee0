#include "simulation/run.hpp"

#include <algorithm>
#include <array>

namespace pgsteer::simulation {
namespace {

using routing::balance;
using routing::route_policy;
using routing::target_session_attrs;

constexpr std::uint64_t idle_per_mille = 60;
constexpr duration settle_max = seconds{5};

const route_policy read_write{target_session_attrs::read_write, balance::round_robin, {}, {}};
const std::array<route_policy, 4> others{{
    {target_session_attrs::prefer_standby, balance::round_robin, lag_max / 2, {}},
    {target_session_attrs::standby, balance::least_sessions, {}, {}},
    {target_session_attrs::any, balance::round_robin, {}, {}},
    {target_session_attrs::prefer_standby, balance::least_sessions, {}, {}},
}};

duration probe_period(const settings& drawn) {
  return drawn.probe.interval + drawn.probe.timeout;
}

std::string_view in_words(topology::session_verdict value) {
  switch (value) {
    case topology::session_verdict::keep:
      return "keep";
    case topology::session_verdict::close_read_write:
      return "close_read_write";
    case topology::session_verdict::close_all:
      return "close_all";
  }
  return "keep";
}

}  // namespace

settings draw_settings(dice& luck) {
  settings drawn;
  constexpr std::array intervals{milliseconds{100}, milliseconds{500}, milliseconds{1000}};
  constexpr std::array bursts{milliseconds{5}, milliseconds{20}, milliseconds{100}};
  constexpr std::array deaths{1, 3, 10};
  drawn.probe.interval = intervals[luck.pick(intervals.size())];
  drawn.probe.burst_interval = bursts[luck.pick(bursts.size())];
  drawn.probe.timeout = luck.happens(500) ? milliseconds{100} : milliseconds{300};
  drawn.late_after = drawn.probe.timeout / (luck.happens(500) ? 8 : 3);
  drawn.topology.role_ttl = std::max<duration>(seconds{1}, 3 * probe_period(drawn));
  drawn.topology.dead_after = deaths[luck.pick(deaths.size())] * drawn.topology.role_ttl;
  drawn.topology.system.value = luck.happens(500) ? 7'711 : 0;
  // Half of them have nothing of it, a quarter as under CloudNativePG, a quarter as the operator says.
  drawn.topology.is_cnpg_cluster = luck.happens(250);
  if (luck.happens(250)) drawn.topology.settle = luck.between(duration::zero(), settle_max);
  drawn.has_stats = luck.happens(500);
  drawn.has_bursts = luck.happens(500);
  return drawn;
}

run::run(std::uint64_t seed, time_point origin)
    : luck_(seed),
      origin_(origin),
      now_(origin),
      settings_(draw_settings(luck_)),
      world_(luck_, origin, settings_.has_stats),
      oracle_(world_, settings_.topology, probe_period(settings_)),
      vigil_(settings_.has_bursts, settings_.probe.burst_interval),
      story_(origin),
      askers_(places_count),
      resumes_at_(origin),
      trouble_until_(origin),
      strangers_until_(origin) {
  restart(false);
  tried_.restarts_without = 0;
}

bool run::play(std::uint64_t events) {
  while (events_ < events && broken_ == nullptr) step();
  return broken_ == nullptr;
}

void run::push(time_point at, kind what, std::size_t index, std::uint64_t number) {
  due_.push({at, ++order_, what, index, number});
}

void run::step() {
  if (now_ >= resumes_at_) act();
  if (broken_ != nullptr) return;
  const bool has_deadline = deadline_ && std::max(*deadline_, resumes_at_) <= due_.top().at;
  const time_point next = has_deadline ? std::max(*deadline_, resumes_at_) : due_.top().at;
  if (now_ >= resumes_at_ && luck_.happens(idle_per_mille)) idle_until(next);
  if (broken_ != nullptr) return;
  now_ = std::max(now_, next);
  world_.pass_to(now_);
  if (has_deadline) {
    ++tried_.deadlines;
    if (now_ > *deadline_) choose();  // after a pause workers may be quicker than the keeper
    if (broken_ != nullptr) return;
    story_.note(now_, "the deadline");
    return conclude();
  }
  happening due = due_.top();
  due_.pop();
  if (now_ < resumes_at_ && due.what > kind::change) {
    // What piles up in a pause is taken in any order afterwards.
    due.at = resumes_at_;
    due.order = luck_.pick(++order_);
    due_.push(due);
    return;
  }
  dispatch(due);
}

void run::dispatch(const happening& due) {
  switch (due.what) {
    case kind::arrive:
      return arrive(due.index, due.number);
    case kind::change:
      return disturb_world();
    case kind::ask:
      return ask(due.index);
    case kind::answer:
      return answer(due.index, due.number);
    case kind::late:
      return tell_late(due.index, due.number);
    case kind::lose:
      return lose(due.index);
    case kind::deliver: {
      shelved& kept = shelf_[due.index];
      kept.is_free = true;
      return tell(kept.place, kept.id, kept.result);
    }
    case kind::names:
      return tell_names();
    case kind::tick:
      return tick();
    case kind::resume:
      // Workers may be quicker than the keeper's tick: they have the old snapshot and the new time.
      return choose();
  }
}

// I5: nothing changes by itself before the deadline that was announced. And logins come at any time.
void run::idle_until(time_point next) {
  if (next - now_ <= duration{2}) return;
  now_ += luck_.between(duration{1}, next - now_ - duration{1});
  world_.pass_to(now_);
  if (luck_.happens(500)) return choose();
  const std::uint64_t generation = published_.generation;
  const auto deadline = deadline_;
  conclude();
  if (broken_ != nullptr) return;
  if (published_.generation != generation) fail("I5: a verdict changed before the deadline, with no event");
  if (deadline_ != deadline) fail("I5: the deadline moved with no event");
}

void run::tell(std::size_t index, backend_id id, const probe_result& result) {
  story_.note(now_, index, result);
  core_->record(id, result);
  const bool is_known = askers_[index].id == id;
  if (is_known) oracle_.told(index, result);
  conclude(is_known);
}

void run::tell_late(std::size_t index, std::uint64_t number) {
  const asker& probe = askers_[index];
  if (!probe.id || !probe.is_asking || probe.number != number) return;
  story_.note_late(now_, index, probe.result.sent_at);
  core_->note_late(*probe.id, probe.result.sent_at);
  oracle_.told_late(index, probe.result.sent_at);
  const backend_id id = *probe.id;
  conclude();
  obey(attention_.note_late(id));
}

void run::conclude(bool is_after_result, bool is_membership_new) {
  ++events_;
  topology_snapshot next = core_->decide(now_);
  const auto mark = core_->mark();
  if (mark) saved_ = mark;
  deadline_ = core_->next_deadline();
  if (is_membership_new) oracle_.enrol(next);
  const decision made{next, is_published_ ? &published_ : nullptr, deadline_, mark, is_after_result};
  const char* const broken = oracle_.check(made);
  note_hash(next);
  published_ = std::move(next);
  is_published_ = true;
  if (broken != nullptr) return fail(broken);
  if (is_membership_new) retarget();
  obey(attention_.note_snapshot(published_, now_));
  if (const char* const neglected = vigil_.check(published_, timetables(), now_)) return fail(neglected);
  choose();
}

void run::choose() {
  static constexpr std::array<std::uint32_t, places_count> sessions{};
  const std::span<const std::uint32_t> loads(sessions.data(), published_.backends.size());
  ++ticket_;
  for (const route_policy* policy : {&read_write, &others[ticket_ % others.size()]}) {
    const auto chosen = routing::choose({published_, *policy, loads, {}, ticket_, now_});
    if (const char* const broken = oracle_.check_choice(*policy, chosen, published_)) return fail(broken);
  }
}

void run::note_hash(const topology_snapshot& snapshot) {
  const auto mix = [this](std::uint64_t value) { hash_ = (hash_ ^ value) * 1'099'511'628'211U; };
  mix(snapshot.generation);
  mix(snapshot.primary ? snapshot.primary->value : 0);
  if (snapshot.rw_valid_until) mix(static_cast<std::uint64_t>((*snapshot.rw_valid_until - origin_).count()));
  for (const backend_status& status : snapshot.backends) {
    mix(static_cast<std::uint64_t>(status.role) * 8 + static_cast<std::uint64_t>(status.sessions));
    mix((status.is_rw_eligible ? 4U : 0U) + (status.is_ro_eligible ? 2U : 0U) +
        (status.is_answering ? 1U : 0U));
  }
}

void run::fail(const char* broken) {
  if (broken_ == nullptr) broken_ = broken;
}

std::string run::report(std::size_t lines) const {
  if (broken_ == nullptr) return {};
  std::string text =
      std::string(broken_) + "\nafter event " + std::to_string(events_) + "; what came before:\n";
  text += story_.last(lines) + "the decision: fence " + std::to_string(published_.fence.value) + "\n";
  for (const backend_status& status : published_.backends) {
    text += "  " + status.name.text() + " " + std::string(topology::to_string(status.role)) +
            (status.is_rw_eligible ? " rw" : "") + (status.is_ro_eligible ? " ro" : "") + " " +
            std::string(in_words(status.sessions)) + ": " + to_string(status.reason) + "\n";
  }
  return text;
}

}  // namespace pgsteer::simulation
