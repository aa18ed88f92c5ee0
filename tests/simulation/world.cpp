#include "simulation/world.hpp"

#include <algorithm>

namespace pgsteer::simulation {

world::world(dice& luck, time_point start, bool has_stats)
    : luck_(luck), now_(start), has_stats_(has_stats), places_(places_count) {
  const std::size_t members = 2 + luck_.pick(4);
  for (std::size_t index = 0; index < places_count; ++index) {
    place& where = places_[index];
    where.spec = {std::string(1, static_cast<char>('a' + index)) + ":5432",
                  {"10.0.0." + std::to_string(index + 1), 5432}};
    where.changed_at = start;
    where.primary_until = time_point::min();
    where.is_named = index < members;
    if (index >= members) continue;
    where.here.emplace();
    where.here->system = ours_;
    where.here->timeline = where.here->control_timeline = highest_;
    where.here->position = first_position;
    where.here->moved_at = start;
    where.here->is_in_recovery = index != 0;
    if (index != 0) follow(*where.here, 0);
  }
}

std::vector<topology::backend_spec> world::named() const {
  std::vector<topology::backend_spec> specs;
  for (const place& where : places_) {
    if (where.is_named) specs.push_back(where.spec);
  }
  return specs;
}

bool world::is_ours(const place& where) const {
  return where.here && where.here->system == ours_;
}

bool world::is_primary(const place& where) const {
  return is_ours(where) && where.here->is_running && !where.here->is_in_recovery;
}

time_point world::primary_until(const place& where) const {
  return is_primary(where) ? now_ : where.primary_until;
}

std::size_t world::count_ours() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(places_, [this](const place& where) { return is_ours(where); }));
}

bool world::has_strangers() const {
  return std::ranges::any_of(places_, [this](const place& where) { return where.here && !is_ours(where); });
}

std::optional<std::size_t> world::newest_primary() const {
  std::optional<std::size_t> newest;
  for (std::size_t index = 0; index < places_.size(); ++index) {
    if (!is_primary(places_[index])) continue;
    if (!newest || places_[index].here->timeline > places_[*newest].here->timeline) newest = index;
  }
  return newest;
}

void world::follow(postgres& who, std::size_t source) {
  who.is_in_recovery = true;
  who.source = source;
  who.has_receiver = true;
}

// What it wrote or replayed since it was last looked at.
void world::catch_up(postgres& who) {
  if (!who.is_running || who.is_frozen) return;
  if (!who.is_in_recovery) {
    const auto elapsed = std::chrono::duration_cast<std::chrono::microseconds>(now_ - who.moved_at);
    who.position += static_cast<std::uint64_t>(elapsed.count());
    who.moved_at = now_;
    return;
  }
  if (who.system != ours_) return;
  place* const from = who.source ? &places_[*who.source] : nullptr;
  const bool has_source = from != nullptr && is_primary(*from) && !from->here->is_frozen;
  who.has_receiver = has_source && timelines_.leads(who.branch, who.position, from->here->branch);
  who.is_receiver_waiting = has_source && !who.has_receiver;
  if (!who.has_receiver) return;
  catch_up(*from->here);
  who.branch = from->here->branch;
  who.timeline = from->here->timeline;
  const std::uint64_t lag = luck_.pick(lag_max);
  who.position = std::max(who.position, from->here->position - std::min(lag, from->here->position));
  if (luck_.happens(300)) who.control_timeline = who.timeline;  // a restartpoint
}

role_answer world::answer_of(const postgres& who) {
  role_answer answer;
  answer.is_in_recovery = who.is_in_recovery;
  answer.system = who.system;
  answer.timeline = who.timeline;
  if (!who.is_in_recovery) {
    answer.write_lsn = {who.position};
    return answer;
  }
  answer.has_wal_receiver = who.has_receiver || who.is_receiver_waiting;
  answer.is_timeline_lower_bound = !has_stats_ || !answer.has_wal_receiver;
  if (answer.is_timeline_lower_bound) answer.timeline = who.control_timeline;
  answer.receive_lsn = answer.replay_lsn = {who.position};
  // A receiver that was started and got nothing shows the beginning of its segment.
  if (!who.has_receiver) answer.receive_lsn.value -= std::min(who.position, 1 + who.position % segment_bytes);
  answer.replay_delay = milliseconds{luck_.pick(100)};
  return answer;
}

reply world::ask(std::size_t index, std::optional<std::uint64_t> connection) {
  const place& where = places_[index];
  if (!where.here) return {false, probe_outcome::unreachable, {}};
  postgres& who = *places_[index].here;
  if (who.is_frozen) return {true, {}, {}};
  if (connection && *connection != where.incarnation) return {false, probe_outcome::connection_lost, {}};
  if (!who.is_running) return {false, probe_outcome::refused, {}};
  if (now_ < who.ready_at) return {false, probe_outcome::not_accepting, {}};
  if (!connection) {
    if (who.is_login_hung) return {true, {}, {}};
    if (who.is_shutting_down) return {false, probe_outcome::not_accepting, {}};
    if (!who.is_probe_welcome) {
      return {
          false, luck_.happens(500) ? probe_outcome::wrong_credentials : probe_outcome::too_many_clients, {}};
    }
  }
  catch_up(who);
  reply met{false, probe_outcome::answered, answer_of(who)};
  if (who.is_shutting_down) met.outcome = probe_outcome::shutting_down;
  if (who.is_login_hung) met.outcome = probe_outcome::login_hung;
  met.answer->start_time_us = static_cast<std::int64_t>(where.incarnation);
  return met;
}

}  // namespace pgsteer::simulation
