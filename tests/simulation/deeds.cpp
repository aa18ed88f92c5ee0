// What happens in the world: faults, failovers done well and badly, and repairs.
#include <algorithm>
#include <array>

#include "simulation/world.hpp"

namespace pgsteer::simulation {
namespace {

constexpr duration start_time_max = seconds{2};

}  // namespace

// Every change of a place goes through here, so that the truth's own record is never forgotten.
template <class Edit>
const char* world::alter(place& where, const char* what, Edit edit) {
  const bool was_primary = is_primary(where);
  const std::uint64_t incarnation = where.incarnation;
  if (was_primary) where.primary_until = now_;
  edit();
  if (where.here && incarnation != where.incarnation) where.here->is_shutting_down = false;
  where.changed_at = now_;
  if (is_primary(where) && (!was_primary || incarnation != where.incarnation)) ++reigns_;
  return what;
}

world::deed world::disturb(bool with_strangers) {
  // As often as it is named.
  static constexpr std::array<doing, 33> doings{
      &world::crash,       &world::crash,         &world::start,          &world::start,
      &world::start,       &world::freeze,        &world::thaw,           &world::thaw,
      &world::hang_logins, &world::refuse_probes, &world::promote,        &world::promote,
      &world::promote,     &world::demote,        &world::demote,         &world::lose_standby_signal,
      &world::rejoin,      &world::rejoin,        &world::rejoin,         &world::stop_receiver,
      &world::cut,         &world::cut,           &world::worsen,         &world::heal,
      &world::heal,        &world::heal,          &world::change_name,    &world::change_name,
      &world::move_away,   &world::cure,          &world::admit_stranger, &world::restore_to_past,
      &world::shut_down};
  has_strangers_now_ = with_strangers;
  const std::size_t index = luck_.pick(places_.size());
  const doing chosen = doings[luck_.pick(doings.size())];
  return {(this->*chosen)(places_[index]), index};
}

world::deed world::mend() {
  static constexpr std::array<doing, 5> repairs{&world::heal, &world::cure, &world::start, &world::fill,
                                                &world::rejoin};
  const std::size_t index = luck_.pick(places_.size());
  place& where = places_[index];
  for (const doing repair : repairs) {
    const auto newest = newest_primary();
    // What is in order is left alone.
    if (repair == &world::rejoin && (newest == index || (is_ours(where) && where.here->has_receiver))) break;
    if (const char* const what = (this->*repair)(where)) return {what, index};
  }
  if (!newest_primary()) return {promote(where), index};
  if (where.is_named != where.here.has_value()) return {change_name(where), index};
  return {};
}

const char* world::crash(place& where) {
  if (!where.here || !where.here->is_running) return nullptr;
  return alter(where, "crashes", [&] {
    where.here->is_running = where.here->is_frozen = where.here->is_login_hung = false;
    ++where.incarnation;
  });
}

const char* world::start(place& where) {
  if (!where.here || where.here->is_running) return nullptr;
  return alter(where, "starts", [&] {
    where.here->is_running = true;
    where.here->moved_at = now_;
    where.here->ready_at = now_ + luck_.between(duration::zero(), start_time_max);
  });
}

const char* world::freeze(place& where) {
  if (!where.here || !where.here->is_running || where.here->is_frozen) return nullptr;
  return alter(where, "freezes", [&] {
    catch_up(*where.here);
    where.here->is_frozen = true;
  });
}

const char* world::thaw(place& where) {
  if (!where.here || !where.here->is_frozen) return nullptr;
  return alter(where, "thaws", [&] {
    where.here->is_frozen = false;
    where.here->moved_at = now_;
  });
}

const char* world::hang_logins(place& where) {
  if (!where.here || !where.here->is_running) return nullptr;
  return alter(where, "hangs at logins", [&] { where.here->is_login_hung = true; });
}

const char* world::shut_down(place& where) {
  if (!where.here || !where.here->is_running || where.here->is_shutting_down) return nullptr;
  return alter(where, "shuts down once its sessions have ended",
               [&] { where.here->is_shutting_down = true; });
}

const char* world::refuse_probes(place& where) {
  if (!where.here) return nullptr;
  return alter(where, "refuses the probe's login", [&] { where.here->is_probe_welcome = false; });
}

// Without an archive two promotions may choose one number.
const char* world::promote(place& where) {
  if (!is_ours(where) || !where.here->is_running || where.here->is_frozen || !where.here->is_in_recovery ||
      where.here->is_shutting_down) {
    return nullptr;
  }
  return alter(where, "is promoted", [&] {
    postgres& who = *where.here;
    catch_up(who);
    who.timeline = {(luck_.happens(950) ? highest_ : who.timeline).value + 1};
    highest_ = std::max(highest_, who.timeline);
    who.branch = timelines_.fork(who.branch, who.timeline, who.position);
    who.is_in_recovery = who.has_receiver = false;
    who.source.reset();
    who.moved_at = now_;
  });
}

// It restarts as a standby: sometimes of the new primary, sometimes of nobody, sometimes it is left behind.
const char* world::demote(place& where) {
  if (!is_primary(where) || where.here->is_frozen) return nullptr;
  if (luck_.happens(600)) {
    if (const char* const what = rejoin(where)) return what;
  }
  return alter(where, "is demoted", [&] {
    catch_up(*where.here);
    where.here->is_in_recovery = true;
    where.here->control_timeline = where.here->timeline;
    where.here->ready_at = now_ + luck_.between(duration::zero(), start_time_max);
    ++where.incarnation;
  });
}

// standby.signal is gone: after a restart it is a second primary on its timeline.
const char* world::lose_standby_signal(place& where) {
  if (!is_ours(where) || !where.here->is_in_recovery) return nullptr;
  return alter(where, "restarts without standby.signal", [&] {
    postgres& who = *where.here;
    catch_up(who);
    who.is_in_recovery = who.has_receiver = who.is_frozen = false;
    who.is_running = true;
    who.source.reset();
    who.moved_at = who.ready_at = now_;
    ++where.incarnation;
  });
}

// Follows the newest primary, rewound if it has gone another way.
const char* world::rejoin(place& where) {
  const auto newest = newest_primary();
  if (!newest || !is_ours(where) || &places_[*newest] == &where) return nullptr;
  return alter(where, "rejoins the newest primary", [&] {
    postgres& who = *where.here;
    postgres& source = *places_[*newest].here;
    catch_up(source);
    const bool goes_on = who.is_in_recovery && who.is_running && !who.is_frozen &&
                         timelines_.leads(who.branch, who.position, source.branch);
    if (!goes_on) {
      who.is_running = true;
      who.is_frozen = false;
      who.ready_at = now_ + luck_.between(duration::zero(), start_time_max);
      who.branch = source.branch;
      who.timeline = source.timeline;
      who.control_timeline = source.timeline;
      who.position = source.position;
      ++where.incarnation;
    }
    follow(who, *newest);
  });
}

const char* world::stop_receiver(place& where) {
  if (!is_ours(where) || !where.here->has_receiver) return nullptr;
  return alter(where, "stops to receive", [&] {
    catch_up(*where.here);
    where.here->has_receiver = false;
    where.here->source.reset();
  });
}

const char* world::cut(place& where) {
  return alter(where, "is cut off", [&] {
    const auto kind = luck_.pick(3);
    where.way.loses_questions = kind != 0;
    where.way.loses_answers = kind != 1;
  });
}

const char* world::worsen(place& where) {
  return alter(where, "is behind a bad network", [&] {
    where.way.is_slow = luck_.happens(500);
    where.way.loss_per_mille = luck_.happens(500) ? 50 : 300;
  });
}

const char* world::heal(place& where) {
  if (where.way.is_clean()) return nullptr;
  return alter(where, "is well connected again", [&] { where.way = {}; });
}

const char* world::change_name(place& where) {
  if (!where.is_named && !where.here) return nullptr;
  return alter(where, where.is_named ? "leaves DNS" : "enters DNS",
               [&] { where.is_named = !where.is_named; });
}

// A pod that comes back under another address, with its data.
const char* world::move_away(place& where) {
  const auto target = std::ranges::find_if(places_, [](const place& other) { return !other.here; });
  if (!is_ours(where) || target == places_.end()) return nullptr;
  alter(*target, "", [&] {
    target->here = where.here;
    target->here->is_running = true;
    target->here->is_frozen = false;
    target->here->moved_at = target->here->ready_at = now_;
    target->is_named = true;
    ++target->incarnation;
  });
  return alter(where, "moves to another address", [&] {
    where.here.reset();
    where.is_named = false;
    ++where.incarnation;
  });
}

// The address is given to another cluster, as those of pods are.
const char* world::admit_stranger(place& where) {
  if (!has_strangers_now_ || (is_ours(where) && count_ours() <= 2)) return nullptr;
  return alter(where, "is given to another cluster", [&] {
    where.here.emplace();
    where.here->system = {1'000 + ++strangers_};
    where.here->timeline = where.here->control_timeline = {
        1 + static_cast<std::uint32_t>(luck_.pick(luck_.happens(500) ? 10 : 10'000))};
    where.here->position = first_position + luck_.pick(lag_max);
    where.here->moved_at = now_;
    where.here->is_in_recovery = where.here->has_receiver = luck_.happens(500);
    ++where.incarnation;
  });
}

// Point-in-time recovery without the archive's later timelines: everybody starts anew, on a lower one.
const char* world::restore_to_past(place& where) {
  if (!is_ours(where) || !luck_.happens(60) || highest_.value < 3) return nullptr;
  highest_ = {2 + static_cast<std::uint32_t>(luck_.pick(highest_.value - 1))};
  const std::size_t branch = timelines_.fork(0, highest_, first_position);
  const auto source = static_cast<std::size_t>(&where - places_.data());
  for (place& member : places_) {
    if (!is_ours(member)) continue;
    alter(member, "", [&] {
      member.here->branch = branch;
      member.here->timeline = member.here->control_timeline = highest_;
      member.here->position = first_position;
      member.here->is_in_recovery = false;
      member.here->is_running = true;
      member.here->is_frozen = false;
      member.here->moved_at = member.here->ready_at = now_;
      ++member.incarnation;
      if (&member != &where) follow(*member.here, source);
    });
  }
  return "is where the cluster was restored to an earlier point in time";
}

const char* world::cure(place& where) {
  if (!where.here) return nullptr;
  if (where.here->is_frozen) return thaw(where);
  if (where.here->is_running && where.here->is_shutting_down) return crash(where);
  if (!where.here->is_login_hung && where.here->is_probe_welcome) return nullptr;
  return alter(where, "lets everybody log in", [&] {
    where.here->is_login_hung = false;
    where.here->is_probe_welcome = true;
  });
}

// The stranger goes, or a new standby comes.
const char* world::fill(place& where) {
  if (where.here && !is_ours(where)) {
    return alter(where, "is given up by the other cluster", [&] {
      where.here.reset();
      ++where.incarnation;
    });
  }
  const auto newest = newest_primary();
  if (where.here || !newest || count_ours() >= 3) return nullptr;
  return alter(where, "is the place of a new standby", [&] {
    where.here = places_[*newest].here;
    where.here->ready_at = now_ + luck_.between(duration::zero(), start_time_max);
    where.here->is_frozen = where.here->is_login_hung = where.here->is_shutting_down = false;
    where.here->is_probe_welcome = true;
    where.here->control_timeline = where.here->timeline;
    follow(*where.here, *newest);
    where.is_named = true;
    ++where.incarnation;
  });
}

}  // namespace pgsteer::simulation
