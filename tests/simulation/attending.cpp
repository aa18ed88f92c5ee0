// Whom pgsteer probes when: what a keeper does with the orders of its attention, and what sessions tell it.
#include <algorithm>

#include "simulation/run.hpp"

namespace pgsteer::simulation {
namespace {

constexpr duration refresh_time_max = milliseconds{50};

}  // namespace

vigil::timetables run::timetables() const {
  vigil::timetables probes;
  for (std::size_t index = 0; index < places_count; ++index) {
    const asker& probe = askers_[index];
    if (!probe.schedule) continue;
    probes[index] = {true, probe.is_asking, probe.schedule->is_burst(now_), probe.result.sent_at,
                     probe.schedule->due()};
  }
  return probes;
}

// Of a session, a login there or discovery; it may be wrong.
void run::hint(std::size_t index) {
  static constexpr std::array<topology::hint, topology::hint_count> all{
      topology::hint::session_lost, topology::hint::session_ended, topology::hint::login_slow,
      topology::hint::login_failed, topology::hint::discovery_changed};
  const asker& probe = askers_[index];
  if (!probe.id) return;
  const topology::hint noticed = all[luck_.pick(all.size())];
  ++tried_.hints;
  story_.note(now_, "gives a hint", index);
  const vigil::timetables before = timetables();
  obey(attention_.note_hint(*probe.id, noticed));
  const vigil::given_hint given{index, noticed, published_.primary == probe.id};
  if (const char* const broken = vigil_.check_hint(given, before, timetables(), now_)) fail(broken);
}

void run::tick() {
  push(now_ + topology::tick_interval, kind::tick);
  const topology::orders wanted = attention_.tick(now_);
  const bool is_pause_noted =
      std::ranges::find(wanted, topology::order::kind::note_pause, &topology::order::what) != wanted.end();
  if (const char* const broken = vigil_.check_tick(is_pause_noted, now_)) fail(broken);
  obey(wanted);
}

void run::obey(const topology::orders& wanted) {
  for (const topology::order& one : wanted) obey(one);
}

void run::obey(const topology::order& wanted) {
  using enum topology::order::kind;
  switch (wanted.what) {
    case ask_once:
      return prompt(wanted.id, &probe::probe_schedule::ask_once);
    case burst:
      if (settings_.has_bursts) prompt(wanted.id, &probe::probe_schedule::hint);
      return;
    case burst_all:
      if (settings_.has_bursts) prompt({}, &probe::probe_schedule::hint);
      return;
    case end_bursts:
      for (asker& probe : askers_) {
        if (probe.schedule) probe.schedule->end_bursts();
      }
      return;
    case refresh_discovery:
      return push(now_ + luck_.between(duration{1}, refresh_time_max), kind::names);
    case note_pause:
      story_.note(now_, "pgsteer notices that it stood still");
      core_->note_pause(now_);
      oracle_.told_pause();
      return conclude();
  }
}

// whom: nobody means everybody.
void run::prompt(std::optional<backend_id> whom, void (probe::probe_schedule::*how)(time_point)) {
  for (std::size_t index = 0; index < places_count; ++index) {
    asker& probe = askers_[index];
    if (!probe.schedule || (whom && probe.id != whom)) continue;
    ((*probe.schedule).*how)(now_);
    push(probe.schedule->due(), kind::ask, index);
  }
}

}  // namespace pgsteer::simulation
