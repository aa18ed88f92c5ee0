#include "pgsteer/login/reach_machine.hpp"

#include <algorithm>
#include <utility>

#include "pgsteer/base/assert.hpp"
#include "pgsteer/login/stay_rules.hpp"
#include "pgsteer/pgwire/first_answer.hpp"

namespace pgsteer::login {
namespace {

using reach_data = reach_machine::data;
using reach_state = reach_machine::state;
using slowness = reach_machine::slowness;
using kind = action::kind;

// A dial or a first answer that takes longer is unusual: a fork and a TCP handshake take a few milliseconds.
constexpr auto slow_after = milliseconds{50};
// Only looking tells whether a client that has sent something has left.
constexpr auto look_again_after = milliseconds{100};
// PostgreSQL's first answer is below 100 bytes, a refusal a few hundred.
constexpr std::size_t answer_read_bytes = 1024;
// One byte, and another one if there is something wrong.
constexpr std::size_t encryption_read_bytes = 2;

// d and s, everywhere below: what the states have in common, and the present one.
action wait(const reach_data& d) {
  return {.deadline = d.due};
}

bool may_go_on(const reach_data& d, time_point now) {
  return login::may_go_on(*d.around.state, d.backend.place.id(), d.around.route(), d.backend.is_slow, now);
}

ending gone() {
  return {.reason = close_reason::client_left_early};
}

ending hold_expired(reach_data& d, std::string detail, time_point now) {
  if (d.hold) {
    d.around.counters.hold_expired.add();
    d.around.counters.hold.observe(in_seconds(now - d.hold->begun_at()));
  }
  return {.reason = close_reason::hold_timeout, .detail = std::move(detail), .words = std::move(d.refusal)};
}

reach_step choose(reach_data& d, reach_state& s, permit_queue::place dial = {}) {
  s = reach_machine::choosing{std::move(dial)};
  d.due = time_point::max();
  return action{.what = kind::choose};
}

// The connection does not work out: another backend is looked for, or the same one again.
reach_step drop(reach_data& d, reach_state& s, attempt_end how, time_point now) {
  const auto hint = d.rules.failed(d.backend.place.id(), how);
  d.backend.place.give_back();
  d.answer.clear();
  action next;
  if (how == attempt_end::local_trouble) {
    s = reach_machine::pausing{};
    d.due = d.rules.sit_out(now);
    next = wait(d);
  } else {
    d.around.counters.retried.add();
    next = std::get<action>(choose(d, s));
  }
  next.drops_backend = true;
  next.hint = hint;
  return next;
}

attempt_end blame(reach_data& d, const failure& why) {
  if (!why.is_local_trouble) return attempt_end::failed;
  d.local_trouble = why.in_words();
  return attempt_end::local_trouble;
}

void expect_answer(reach_data& d, time_point now) {
  d.asked_at = now;
  d.so_far = slowness::prompt;
  d.due = now + std::min<duration>(slow_after, d.around.timeouts().connect_timeout);
}

// Long before the deadline the probe is told, which finds out whether only this login is slow.
action note_slow(reach_data& d) {
  d.so_far = slowness::slow;
  d.is_client_watched = true;
  d.due = d.asked_at + d.around.timeouts().connect_timeout;
  action next = wait(d);
  next.hint = topology::hint::login_slow;
  return next;
}

reach_step begin_dial(reach_data& d, reach_state& s, picked_backend backend, permit_queue::place dial,
                      time_point now) {
  d.backend = {lease(std::move(backend), dial.take_seat()), true};
  s = reach_machine::dialing{std::move(dial)};
  expect_answer(d, now);
  return action{.what = kind::dial, .deadline = d.due};
}

reach_step failed_dial(reach_data& d, reach_state& s, attempt_end how, time_point now) {
  if (how == attempt_end::failed) d.backend.place.counters().dial_failures.add();
  return drop(d, s, how, now);
}

action write_rest(const reach_data& d, const reach_machine::asking& asking) {
  return {.what = kind::write_backend, .bytes = d.asked.packet.subspan(asking.sent), .deadline = d.due};
}

// Sends the client's packet, then reads the first answer. To a request for encryption PostgreSQL answers at
// once or not at all. Another answer that is slow is suspicious, not wrong: some authentication methods ask
// other servers first. So the probe is told, and the wait is cut short when it finds the backend hung.
reach_step ask(reach_data& d, reach_state& s, permit_queue::place dial, time_point now) {
  d.refusal.clear();
  d.answer.clear();
  d.backend.is_slow = false;
  expect_answer(d, now);
  return write_rest(d, s.emplace<reach_machine::asking>(std::move(dial)));
}

reach_step answered(reach_data& d, time_point now) {
  if (!d.answer.empty()) d.backend.place.counters().logins_answered.add();  // direct TLS: not known
  if (d.hold) {
    d.around.counters.hold_released.add();
    d.around.counters.hold.observe(in_seconds(now - d.hold->begun_at()));
  }
  return reached{std::move(d.backend), std::move(d.answer)};
}

// 'S', 'G' or 'N', and not a byte more: what came with it was not encrypted (CVE-2021-23222). An 'E' is text
// that nobody has vouched for and is not passed on (CVE-2024-10977).
bool is_encryption_reply(const reach_data& d) {
  const char yes = d.asked.what == question::ssl ? 'S' : 'G';
  return d.answer.size() == 1 && (d.answer.front() == yes || d.answer.front() == 'N');
}

reach_step read_first_message(reach_data& d, reach_state& s, time_point now) {
  const pgwire::first_answer answer = pgwire::read_first_answer(d.answer);
  switch (answer.kind) {
    case pgwire::first_answer_kind::needs_more:
      return action{.what = kind::read_backend, .bytes_max = answer_read_bytes, .deadline = d.due};
    case pgwire::first_answer_kind::other:
      d.backend.place.counters().logins_let_in.add();
      return answered(d, now);
    case pgwire::first_answer_kind::not_postgresql:
      return drop(d, s, attempt_end::failed, now);
    case pgwire::first_answer_kind::error_response:
      break;
  }
  if (!pgwire::is_retryable_elsewhere(answer.fields.sqlstate)) return answered(d, now);
  if (answer.fields.sqlstate != "53300") return drop(d, s, attempt_end::refused, now);
  d.refusal = d.answer;
  d.backend.place.note_full();
  return drop(d, s, attempt_end::full, now);
}

// choosing
reach_step on(reach_data& d, reach_state& s, reach_machine::choosing& here, const picked& it,
              time_point now) {
  const std::shared_ptr<permit_queue> dials = runtime::dials_of(it.backend.use);
  permit_queue::place place = std::move(here.dial);
  if (!place.is_in(dials)) {
    place = permit_queue::enter(dials, d.around.limits().concurrent_dials_max,
                                {d.around.wake, d.around.arrived, d.needs_room});
  }
  if (place.is_granted()) return begin_dial(d, s, it.backend, std::move(place), now);
  d.is_client_watched = true;
  d.due = d.rules.dial_by(now, d.around.timeouts().connect_timeout);
  s = reach_machine::queueing{std::move(place)};
  return wait(d);
}
reach_step on(reach_data&, reach_state& s, reach_machine::choosing&, const none_eligible& it, time_point) {
  s = reach_machine::entering_hold{it.why};
  return action{.what = kind::look_at_client};
}

// queueing
reach_step on(reach_data& d, reach_state& s, reach_machine::queueing& here, const woken&, time_point) {
  if (!here.dial.is_granted()) return wait(d);
  return choose(d, s, std::move(here.dial));  // again: the wait may have changed the choice
}
reach_step on(reach_data& d, reach_state& s, reach_machine::queueing& here, const deadline_passed&,
              time_point now) {
  if (here.dial.is_granted()) return choose(d, s, std::move(here.dial));
  if (now < d.due) return wait(d);
  // What is free is an estimate: whom it has kept waiting for so long, the backend itself may refuse.
  if (here.dial.insist()) return choose(d, s, std::move(here.dial));
  const duration longest = d.around.timeouts().connect_timeout;
  const bool is_for_a_permit =
      d.needs_room && !std::exchange(d.has_insisted, true);  // as anybody, from now on
  d.due = is_for_a_permit ? d.rules.dial_later(now, longest) : d.rules.dial_by(now, longest);
  return now < d.due ? reach_step(wait(d)) : hold_expired(d, d.rules.why_not_dialed(), now);
}
// Nobody waits for a dial at a backend that would not be chosen now.
reach_step on(reach_data& d, reach_state& s, reach_machine::queueing& here, const snapshot_changed&,
              time_point) {
  return choose(d, s, std::move(here.dial));
}

// entering_hold, held, leaving_hold: waits for another snapshot, in the order of arrival. Nothing is asked,
// and nothing done, for a client that has given up meanwhile.
reach_step on(reach_data& d, reach_state& s, reach_machine::entering_hold& here, const client_seen& it,
              time_point now) {
  if (it.presence != client_presence::present) return gone();
  if (!d.hold) {
    auto place = admit_held(d.around.permits, d.around.limits());
    if (!place) return ending{.reason = close_reason::too_many_logins};
    d.hold.emplace(std::move(*place), d.around.counters.held, now);
    d.around.counters.held_total.add();
  }
  if (here.why != routing::no_backend::all_tried) {
    d.refusal.clear();    // no longer that a backend was full
    d.needs_room = true;  // many are held with it, and go on at one time
  }
  const auto [until, wish] = d.rules.none_left(here.why, now);
  d.due = until;
  d.is_client_watched = true;
  s = reach_machine::held{d.around.holds.join(d.around.listener, d.around.wake, d.around.arrived, wish)};
  return wait(d);
}
reach_step leave_hold(reach_data& d, reach_state& s, bool is_woken) {
  s = reach_machine::leaving_hold{is_woken};
  d.due = time_point::max();
  return action{.what = kind::look_at_client};
}
reach_step on(reach_data& d, reach_state& s, reach_machine::held&, const woken&, time_point) {
  return leave_hold(d, s, true);
}
reach_step on(reach_data& d, reach_state& s, reach_machine::held&, const deadline_passed&, time_point now) {
  if (now < d.due) return wait(d);
  return leave_hold(d, s, false);
}
reach_step on(reach_data& d, reach_state& s, reach_machine::leaving_hold& here, const client_seen& it,
              time_point now) {
  if (it.presence != client_presence::present) return gone();
  if (!here.is_woken && d.rules.give_up(now)) return hold_expired(d, d.rules.why_held(), now);
  d.rules.another_round();
  return choose(d, s);
}

// dialing
reach_step on(reach_data& d, reach_state& s, reach_machine::dialing& here, const connected&, time_point now) {
  // The process may have stood still meanwhile: nothing is sent by knowledge that is too old.
  if (!may_go_on(d, now)) return drop(d, s, attempt_end::cut, now);
  return ask(d, s, std::move(here.dial), now);
}
reach_step on(reach_data& d, reach_state& s, reach_machine::dialing&, const backend_failed& it,
              time_point now) {
  return failed_dial(d, s, blame(d, it.why), now);
}
reach_step on(reach_data& d, reach_state& s, reach_machine::dialing&, const deadline_passed&,
              time_point now) {
  if (now < d.due) return wait(d);
  if (d.so_far == slowness::prompt) return note_slow(d);
  return failed_dial(d, s, attempt_end::failed, now);
}
reach_step on(reach_data& d, reach_state& s, reach_machine::dialing&, const snapshot_changed&,
              time_point now) {
  return may_go_on(d, now) ? reach_step(wait(d)) : drop(d, s, attempt_end::cut, now);
}

// asking
reach_step on(reach_data& d, reach_state&, reach_machine::asking& here, const backend_written& it,
              time_point now) {
  here.sent += it.n;
  if (here.sent < d.asked.packet.size()) return write_rest(d, here);
  if (d.asked.what == question::direct_tls) return answered(d, now);
  const std::size_t most = asks_for_encryption(d.asked.what) ? encryption_read_bytes : answer_read_bytes;
  // It has to fork first.
  return action{.what = kind::read_backend, .bytes_max = most, .comes_later = true, .deadline = d.due};
}
reach_step on(reach_data& d, reach_state& s, reach_machine::asking&, const backend_bytes& it,
              time_point now) {
  d.answer.insert(d.answer.end(), it.bytes.begin(), it.bytes.end());
  if (d.asked.what == question::startup) return read_first_message(d, s, now);
  return is_encryption_reply(d) ? answered(d, now) : drop(d, s, attempt_end::failed, now);
}
reach_step on(reach_data& d, reach_state& s, reach_machine::asking&, const backend_failed& it,
              time_point now) {
  return drop(d, s, blame(d, it.why), now);
}
reach_step on(reach_data& d, reach_state& s, reach_machine::asking& here, const deadline_passed&,
              time_point now) {
  if (now < d.due) return wait(d);
  if (d.so_far == slowness::prompt) return note_slow(d);
  if (d.so_far == slowness::late) return ending{.reason = close_reason::login_timeout};
  d.so_far = slowness::late;
  here.dial.leave();  // others need not wait for this one
  d.backend.is_slow = true;
  if (asks_for_encryption(d.asked.what)) return drop(d, s, attempt_end::failed, now);
  d.due = now + d.around.timeouts().login_timeout;
  action next = may_go_on(d, now) ? wait(d) : std::get<action>(drop(d, s, attempt_end::cut, now));
  next.hint = topology::hint::login_failed;
  return next;
}
reach_step on(reach_data& d, reach_state& s, reach_machine::asking&, const snapshot_changed&,
              time_point now) {
  return may_go_on(d, now) ? reach_step(wait(d)) : drop(d, s, attempt_end::cut, now);
}

// pausing
reach_step on(reach_data& d, reach_state& s, reach_machine::pausing&, const deadline_passed&,
              time_point now) {
  if (now < d.due) return wait(d);
  if (!d.rules.give_up(now)) return choose(d, s);
  return ending{.reason = close_reason::local_trouble, .detail = std::move(d.local_trouble)};
}

template <class State, class Event>
reach_step on(reach_data& d, reach_state&, State&, const Event&, time_point) {
  PGSTEER_ASSERT(may_be_ignored<Event>);
  return wait(d);
}

bool awaits_client_seen(const reach_state& s) {
  return std::holds_alternative<reach_machine::entering_hold>(s) ||
         std::holds_alternative<reach_machine::leaving_hold>(s);
}

// A client that leaves while a backend is being found has its place freed soon, also if it sent its first
// query behind the startup packet. There is something to read then, and stays there, so that nothing can be
// waited for any more: it is looked at again and again.
reach_step watch_client(reach_data& d, const reach_state& s, const client_seen& seen, time_point now) {
  // One that has only ended its sending direction may wait for the answer; but not while it has to wait for
  // its turn.
  const bool has_asked = d.asked.has_sent_more || seen.has_input;
  const bool is_its_turn =
      !std::holds_alternative<reach_machine::held>(s) && !std::holds_alternative<reach_machine::queueing>(s);
  const bool may_stay = seen.presence == client_presence::ended && has_asked && is_its_turn;
  if (seen.presence != client_presence::present && !may_stay) return gone();
  d.look_again_at = now + look_again_after;
  return wait(d);
}

}  // namespace

reach_machine::reach_machine(const surroundings& around, request asked) noexcept
    : data_{.around = around,
            .asked = std::move(asked),
            .rules = retry_rules(around.listener_options().hold_timeout),
            .backend = {},
            .answer = {},
            .refusal = {},
            .hold = {},
            .local_trouble = {}} {}

reach_step reach_machine::begin(time_point now) {
  if (!data_.asked.kept) return finish(choose(data_, state_));
  // It answered an earlier packet, maybe seconds ago: only what is proven now counts.
  data_.backend = std::move(*data_.asked.kept);
  data_.asked.kept.reset();
  data_.backend.is_slow = true;
  if (may_go_on(data_, now)) return finish(ask(data_, state_, {}, now));
  return finish(drop(data_, state_, attempt_end::cut, now));
}

reach_step reach_machine::resume(const event& what, time_point now) {
  if (std::holds_alternative<client_readable>(what)) return finish(action{.what = kind::look_at_client});
  if (const auto* seen = std::get_if<client_seen>(&what); seen != nullptr && !awaits_client_seen(state_))
    return finish(watch_client(data_, state_, *seen, now));
  if (std::holds_alternative<deadline_passed>(what) && now >= data_.look_again_at) {
    data_.look_again_at = time_point::max();
    return finish(action{.what = kind::look_at_client});
  }
  return finish(std::visit(
      [&](auto& present, const auto& it) -> reach_step { return on(data_, state_, present, it, now); },
      state_, what));
}

// What every action has in common.
reach_step reach_machine::finish(reach_step step) {
  if (auto* const next = std::get_if<action>(&step)) {
    next->deadline = std::min(next->deadline, data_.look_again_at);
    next->watches_client = data_.is_client_watched && data_.look_again_at == time_point::max();
  }
  return step;
}

}  // namespace pgsteer::login
