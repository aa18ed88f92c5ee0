// The prober of one history: one question a backend at a time, by the schedule that pgsteer uses.
#include <algorithm>

#include "simulation/run.hpp"

namespace pgsteer::simulation {
namespace {

constexpr duration delay_max = milliseconds{2};
constexpr duration slow_delay_max = milliseconds{250};
constexpr duration shelf_time_max = seconds{2};
constexpr std::uint64_t shelved_per_mille = 40;
constexpr std::uint64_t doubled_per_mille = 30;

}  // namespace

bool run::is_lost(bool is_cut, const way& between) {
  return is_cut || (between.loss_per_mille > 0 && luck_.happens(between.loss_per_mille));
}

duration run::delay(const way& between) {
  return luck_.between(duration{1}, between.is_slow ? slow_delay_max : delay_max);
}

// Probes of what topology knows, as its owner keeps them.
void run::retarget() {
  for (std::size_t index = 0; index < places_count; ++index) {
    asker& probe = askers_[index];
    const auto found =
        std::ranges::find(published_.backends, world_.places()[index].spec.address, &backend_status::address);
    const bool is_known = found != published_.backends.end();
    if (is_known && probe.id == found->id) continue;
    const std::uint64_t number = probe.number + 1;
    probe = {};
    probe.number = number;
    if (!is_known) continue;
    probe.id = found->id;
    probe.schedule.emplace(settings_.probe, now_);
    push(now_, kind::ask, index);
  }
}

void run::ask(std::size_t index) {
  asker& probe = askers_[index];
  if (!probe.id || probe.is_asking || probe.schedule->due() > now_) return;
  probe.is_asking = true;
  ++probe.number;
  probe.schedule->start(now_);
  probe.result = {};
  probe.result.sent_at = now_;
  const way& between = world_.places()[index].way;
  if (now_ < trouble_until_) {
    probe.result.outcome = probe_outcome::local_trouble;
    end_question_at(index, now_);
  } else if (is_lost(between.loses_questions, between)) {
    end_question_at(index, now_ + settings_.probe.timeout);
  } else {
    push(now_ + delay(between), kind::arrive, index, probe.number);
  }
}

void run::arrive(std::size_t index, std::uint64_t number) {
  asker& probe = askers_[index];
  if (!probe.is_asking || probe.number != number) return;
  const way& between = world_.places()[index].way;
  reply met = world_.ask(index, probe.connection);
  probe.reached = world_.places()[index].incarnation;
  const time_point timeout_at = probe.result.sent_at + settings_.probe.timeout;
  const time_point back_at = now_ + delay(between);
  const bool is_missed = met.is_silent || back_at > timeout_at || is_lost(between.loses_answers, between);
  if (!is_missed) {
    probe.result.outcome = met.outcome;
    probe.result.answer = met.answer;
  }
  end_question_at(index, is_missed ? std::max(now_, timeout_at) : back_at);
}

void run::end_question_at(std::size_t index, time_point at) {
  const asker& probe = askers_[index];
  push(at, kind::answer, index, probe.number);
  const time_point late_at = probe.result.sent_at + settings_.late_after;
  if (at > late_at) push(std::max(now_, late_at), kind::late, index, probe.number);
}

void run::answer(std::size_t index, std::uint64_t number) {
  asker& probe = askers_[index];
  if (!probe.id || !probe.is_asking || probe.number != number) return;
  probe.is_asking = false;
  probe.result.received_at = now_;
  const auto ending = probe::probe_schedule::ending_of(probe.result.outcome);
  const bool was_open = probe.connection.has_value();
  probe.connection.reset();
  // A shutdown waits for the probe's connection too.
  const bool is_shutting_down = probe.result.outcome == probe_outcome::shutting_down;
  if (ending == probe::probe_schedule::ending::answered && !is_shutting_down)
    probe.connection = probe.reached;
  probe.schedule->end(ending, now_, static_cast<double>(luck_.pick(1000)) / 1000.0);
  if (was_open && !probe.connection) probe.schedule->lose(now_);
  push(probe.schedule->due(), kind::ask, index);
  deliver(index, probe.result);
}

void run::lose(std::size_t index) {
  asker& probe = askers_[index];
  if (!probe.id || !probe.connection || *probe.connection == world_.places()[index].incarnation) return;
  end_connection(index, luck_.happens(500));
}

void run::terminate(std::size_t index) {
  const place& where = world_.places()[index];
  const asker& probe = askers_[index];
  if (!probe.id || !probe.connection || *probe.connection != where.incarnation || !where.way.is_clean())
    return;
  story_.note(now_, "ends all sessions", index);
  oracle_.meddled(index);
  end_connection(index, true);
}

void run::end_connection(std::size_t index, bool was_terminated) {
  asker& probe = askers_[index];
  if (probe.is_asking) {
    probe.result.outcome = probe_outcome::connection_lost;
    probe.result.was_terminated = was_terminated;
    probe.result.answer.reset();
    return answer(index, probe.number);
  }
  probe.connection.reset();
  probe.schedule->lose(now_);
  push(probe.schedule->due(), kind::ask, index);
  probe_result loss;
  loss.outcome = probe_outcome::connection_lost;
  loss.was_terminated = was_terminated;
  loss.sent_at = loss.received_at = now_;
  deliver(index, loss);
}

// The kernel's FIN or reset comes at once, where the network lets it through.
void run::notice_lost_connections() {
  for (std::size_t index = 0; index < places_count; ++index) {
    const place& where = world_.places()[index];
    const asker& probe = askers_[index];
    if (!probe.connection || *probe.connection == where.incarnation || where.way.loses_answers) continue;
    push(now_ + delay(where.way), kind::lose, index);
  }
}

// Results come in order and once, but for those that do not: topology must not rely on it.
void run::deliver(std::size_t index, const probe_result& result) {
  const bool is_shelved = luck_.happens(shelved_per_mille);
  if (is_shelved) oracle_.meddled(index);
  if (is_shelved || luck_.happens(doubled_per_mille)) shelve(index, result);
  if (!is_shelved) tell(index, *askers_[index].id, result);
}

void run::shelve(std::size_t index, const probe_result& result) {
  ++tried_.meddled;
  auto free = std::ranges::find(shelf_, true, &shelved::is_free);
  if (free == shelf_.end()) free = shelf_.insert(shelf_.end(), shelved{});
  *free = {index, *askers_[index].id, result, false};
  push(now_ + luck_.between(duration{1}, shelf_time_max), kind::deliver,
       static_cast<std::size_t>(free - shelf_.begin()));
}

}  // namespace pgsteer::simulation
