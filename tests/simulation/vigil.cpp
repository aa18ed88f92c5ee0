#include "simulation/vigil.hpp"

#include <algorithm>

namespace pgsteer::simulation {
namespace {

using topology::hint;

constexpr duration pause_min = seconds{1};
constexpr duration watch_max = seconds{120};

bool is_burst(const vigil::timetable& probe) {
  return probe.is_known && probe.is_burst;
}

bool rests(const vigil::timetable& probe) {
  return probe.is_known && !probe.is_burst;
}

bool is_same_burst(const vigil::timetable& left, const vigil::timetable& right) {
  return left.is_burst == right.is_burst;
}

}  // namespace

void vigil::restarted() {
  has_had_primary_ = false;
  lost_at_.reset();
  ticked_at_.reset();
}

vigil::verdict vigil::check(const topology::topology_snapshot& snapshot, const timetables& probes,
                            time_point now) {
  has_had_primary_ = has_had_primary_ || snapshot.primary;
  // One that the operator has disabled is not lost.
  if (snapshot.rw_valid_until || snapshot.is_primary_kept_by_order()) {
    const bool is_news = lost_at_.has_value();
    lost_at_.reset();
    return is_news && std::ranges::any_of(probes, is_burst) ? "watch: bursts outlast the proof of a primary"
                                                            : nullptr;
  }
  if (!has_had_primary_) return nullptr;
  if (!lost_at_) {
    lost_at_ = now;
    ++losses_;
  }
  // Who did not run could not watch; that shows at the next tick.
  const bool was_running = ticked_at_ && now - *ticked_at_ < pause_min;
  if (!has_bursts_ || !was_running || now - *lost_at_ > watch_max) return nullptr;
  return std::ranges::any_of(probes, rests) ? "watch: a primary is lost, and not everybody is asked in bursts"
                                            : nullptr;
}

vigil::verdict vigil::check_tick(bool is_pause_noted, time_point now) {
  const bool was_paused = ticked_at_ && now - *ticked_at_ >= pause_min;
  ticked_at_ = now;
  if (was_paused && !is_pause_noted) return "rule 6: a pause was not noticed";
  return !was_paused && is_pause_noted ? "rule 6: a pause was noticed that was none" : nullptr;
}

// At once, but never sooner than bursts allow; the question under way is followed by another one.
bool vigil::is_due(const timetable& probe, time_point now) const {
  return probe.is_asking || probe.due <= std::max(now, probe.asked_at + burst_interval_);
}

vigil::verdict vigil::check_names(const timetables& probes, time_point now) const {
  if (lost_at_ && !has_bursts_) return nullptr;
  const bool are_all_asked = std::ranges::all_of(
      probes, [&](const timetable& probe) { return !probe.is_known || is_due(probe, now); });
  return are_all_asked ? nullptr : "rule 8: discovery changed, and not everybody is asked at once";
}

vigil::verdict vigil::check_hint(const given_hint& given, const timetables& before, const timetables& after,
                                 time_point now) const {
  const timetable& probe = after[given.place];
  const bool is_worth_a_burst =
      given.noticed == hint::login_failed || given.noticed == hint::discovery_changed;
  if ((!is_worth_a_burst || has_bursts_) && !is_due(probe, now)) {
    return "rule 8: a backend is not asked at once after a hint";
  }
  if (!is_worth_a_burst) {
    const bool is_once = std::ranges::equal(before, after, is_same_burst);
    return is_once ? nullptr : "rule 8: what may be nothing makes a burst";
  }
  if (!has_bursts_) return nullptr;
  if (!probe.is_burst)
    return "rule 8: a login failed or discovery changed, and its backend is asked only once";
  return given.is_of_primary && std::ranges::any_of(after, rests)
             ? "rule 8: the primary lets nobody in, and nobody else is asked"
             : nullptr;
}

}  // namespace pgsteer::simulation
