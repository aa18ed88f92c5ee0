#include "unit/login/login_world.hpp"

#include <utility>

namespace pgsteer::login::test {
namespace {

using kind = action::kind;

std::string_view word_of(kind what) {
  switch (what) {
    case kind::wait:
      return "wait";
    case kind::read_client:
      return "read_client";
    case kind::write_client:
      return "write_client";
    case kind::look_at_client:
      return "look";
    case kind::choose:
      return "choose";
    case kind::dial:
      return "dial";
    case kind::write_backend:
      return "write_backend";
    case kind::read_backend:
      return "read_backend";
    case kind::forward_cancel:
      return "forward_cancel";
    case kind::relay:
      return "relay";
    case kind::end:
      return "end";
  }
  return "?";
}

std::string_view word_of(topology::hint what) {
  return what == topology::hint::login_slow ? "login_slow" : "login_failed";
}

const failure reset{error_code(ECONNRESET, boost::system::system_category()), false};
const failure local_trouble{error_code(EMFILE, boost::system::system_category()), true};

}  // namespace

login_world::login_world(plan of) : planned(std::move(of)) {
  for (int i = 0; i < 2; ++i) backends.push_back(std::make_shared<runtime::backend_use>());
  options.listeners.emplace_back().policy.route = planned.route;
  options.limits.held_logins_max = 2;
  options.limits.concurrent_cancels_max = 1;
  options.limits.concurrent_dials_max = 1;
  have_primary();
  if (planned.is_held_at_first) have_no_primary();
  is_primary_due_ = planned.is_held_at_first;
  if (planned.full_for) say_free(0);
  is_room_due_ = planned.full_for.has_value();
  if (planned.dials_taken_for > duration::zero()) others_dial = enter(0);
  const surroundings around{.state = state,
                            .listener = 0,
                            .counters = counters,
                            .cancel_counters = cancel_counters,
                            .holds = holds,
                            .permits = permits,
                            .wake = wake,
                            .arrived = now};
  if (planned.refused) {
    machine = std::make_unique<login_machine>(
        around, login::refused{*planned.refused, std::move(*permits.refusals.take(1))});
  } else {
    machine = std::make_unique<login_machine>(around, std::move(*permits.pending_logins.take(1)));
  }
}

void login_world::have_primary() {
  is_primary_due_ = false;
  using namespace routing::testing;
  topology::topology_snapshot made = snapshot_of({primary(1), standby(2)});
  go_by(std::move(made));
}

void login_world::have_no_primary() {
  is_primary_due_ = false;
  using namespace routing::testing;
  topology::topology_snapshot made = snapshot_of({backend(1), backend(2)});
  for (topology::backend_status& status : made.backends) status.is_answering = false;
  go_by(std::move(made));
}

void login_world::go_by(topology::topology_snapshot snapshot) {
  if (snapshot.rw_valid_until) snapshot.rw_valid_until = time_point::max();
  runtime::state next;
  next.topology = {std::make_shared<const topology::topology_snapshot>(std::move(snapshot)), backends};
  next.options = std::make_shared<const runtime::options>(options);
  state = std::make_shared<const runtime::state>(std::move(next));
}

permit_queue::place login_world::enter(std::size_t backend, bool needs_room) {
  const std::shared_ptr<permit_queue> dials(backends[backend], &backends[backend]->dials);
  return permit_queue::enter(dials, options.limits.concurrent_dials_max, {[] {}, now, needs_room});
}

void login_world::say_free(int free) {
  backends[0]->dials.note_free(free, now);
}

std::string login_world::run() {
  if (transcript.empty()) inject(begun{});
  for (int steps = 0; !is_over() && !is_relaying && step(); ++steps) {
    if (steps > 5000) return transcript + " and so on";
  }
  return transcript;
}

bool login_world::step() {
  if (std::exchange(is_looking_, false)) {
    inject(client_seen{presence, has_input});
    return true;
  }
  if (pending_ != kind::choose && std::exchange(is_woken, false)) {  // a choice is answered at once, too
    inject(woken{});
    return true;
  }
  auto next = is_silent_ ? std::nullopt : answer();
  if (!next) {
    is_silent_ = true;
    return let_time_pass();
  }
  pending_ = kind::wait;
  inject(*next);
  return true;
}

bool login_world::let_time_pass() {
  const time_point freed_at = routing::testing::now + planned.dials_taken_for;
  if (others_dial.is_granted() && freed_at <= last.deadline) {
    now = std::max(now, freed_at);
    others_dial.leave();
    return true;
  }
  if (is_primary_due_) {
    have_primary();
    holds.wake([](std::size_t) { return true; }, true);
    return true;
  }
  const time_point room_at = routing::testing::now + planned.full_for.value_or(duration::zero());
  if (is_room_due_ && room_at <= last.deadline) {
    now = std::max(now, room_at);
    is_room_due_ = false;
    say_free(1);
    return true;
  }
  if (last.deadline == time_point::max()) return false;
  now = std::max(now, last.deadline);
  inject(deadline_passed{});
  return true;
}

bool login_world::fail_operation(bool by_local_trouble) {
  const failure why = by_local_trouble ? local_trouble : reset;
  switch (std::exchange(pending_, kind::wait)) {
    case kind::read_client:
    case kind::write_client:
      inject(client_failed{why});
      return true;
    case kind::dial:
    case kind::write_backend:
    case kind::read_backend:
      inject(backend_failed{why});
      return true;
    case kind::wait:
    case kind::look_at_client:
    case kind::choose:
    case kind::forward_cancel:
    case kind::relay:
    case kind::end:
      break;
  }
  return false;
}

void login_world::take(const action& next) {
  if (next.hint) {
    transcript += " " + std::string(1, static_cast<char>('a' + machine->backend().id().value - 1)) + ":" +
                  std::string(word_of(*next.hint));
  }
  last = next;
  if (next.drops_backend) transcript += " drop";
  if (next.what == kind::wait) return;
  transcript += (transcript.empty() ? "" : " ") + std::string(word_of(next.what));
  is_looking_ = next.what == kind::look_at_client;
  if (is_looking_) return;
  is_silent_ = false;
  pending_ = next.what;
  pending_bytes_ = next.bytes.size();
  is_relaying = next.what == kind::relay;
}

std::optional<event> login_world::answer() {
  switch (pending_) {
    case kind::wait:
    case kind::look_at_client:
    case kind::relay:
    case kind::end:
      return std::nullopt;
    case kind::read_client:
    case kind::read_backend:
      return answer_read();
    case kind::write_client:
      return client_written{};
    case kind::choose: {
      const auto& snapshot = *state->topology.snapshot;
      const std::vector<std::uint32_t> sessions(snapshot.backends.size());
      const auto& policy = state->options->listeners[0].policy;
      const auto chosen =
          routing::choose({snapshot, policy, sessions, machine->tried(), 0, now, state->is_rw_closed});
      if (chosen.backend == nullptr) return none_eligible{chosen.why_not};
      return picked{{chosen.backend->id, {"127.0.0.1", 5432}, backends[chosen.backend->id.value - 1]}};
    }
    case kind::dial:
      return answer_dial();
    case kind::write_backend:
      return backend_written{pending_bytes_};
    case kind::forward_cancel:
      return cancel_delivered{};
  }
  return std::nullopt;
}

std::optional<event> login_world::answer_dial() {
  if (attempts_ == planned.attempts.size()) return std::nullopt;
  answers_ = 0;
  switch (planned.attempts[attempts_++].how) {
    case attempt_plan::dial::connects:
      return connected{};
    case attempt_plan::dial::is_refused:
      return backend_failed{reset};
    case attempt_plan::dial::meets_local_trouble:
      return backend_failed{local_trouble};
    case attempt_plan::dial::hangs:
      break;
  }
  return std::nullopt;
}

std::optional<event> login_world::answer_read() {
  if (pending_ == kind::read_client) {
    if (client_chunks_ == planned.client.size()) return std::nullopt;
    chunk_ = planned.client[client_chunks_++];
    return client_bytes{as_bytes(chunk_)};
  }
  const attempt_plan& attempt = planned.attempts[attempts_ - 1];
  if (answers_ == attempt.answers.size())
    return attempt.ends ? std::optional<event>(backend_failed{reset}) : std::nullopt;
  chunk_ = attempt.answers[answers_++];
  return backend_bytes{as_bytes(chunk_)};
}

std::string login_world::owed() {
  std::string words;
  const auto add = [&words](std::string_view what, std::uint64_t n) {
    if (n > 0) words += std::string(what) + "=" + std::to_string(n) + " ";
  };
  add("a", backends[0]->counters.sessions.value());
  add("b", backends[1]->counters.sessions.value());
  add("held", counters.held.value());
  add("held_logins", permits.held_logins.used());
  add("cancels", permits.cancels.used());
  add("pending", permits.pending_logins.used());
  add("refusals", permits.refusals.used());
  add("in the line", holds.is_empty() ? 0 : 1);
  is_woken = false;
  others_dial.leave();
  for (std::size_t i = 0; i < backends.size(); ++i) {
    add("dials", enter(i).is_granted() ? 0 : 1);
    add("seats", backends[i]->dials.count().seats - backends[i]->counters.sessions.value());
  }
  return words;
}

}  // namespace pgsteer::login::test
