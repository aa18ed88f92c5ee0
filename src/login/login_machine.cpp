#include "pgsteer/login/login_machine.hpp"

#include <algorithm>
#include <utility>

#include "pgsteer/base/assert.hpp"
#include "pgsteer/login/stay_rules.hpp"
#include "pgsteer/pgwire/errc.hpp"
#include "pgsteer/pgwire/startup_message.hpp"
#include "pgsteer/routing/choose.hpp"

namespace pgsteer::login {
namespace {

using data = login_machine::data;
using state = login_machine::state;
using kind = action::kind;

// A StartupMessage is about 100 bytes; a ClientHello is below 2 KiB.
constexpr std::size_t packet_read_bytes = 2 * 1024;
// How long a client that is being refused has to say what it wants, so that it can be told why not.
constexpr auto refusal_timeout = seconds{1};
constexpr std::uint8_t no_encryption = 'N';

template <class... Handlers>
struct overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
overloaded(Handlers...) -> overloaded<Handlers...>;

// d and s, everywhere below: what the states have in common, and the present one.
action wait(const data& d) {
  return {.deadline = d.due};
}

template <class Event>
action ignore(const data& d, const Event&) {
  PGSTEER_ASSERT(may_be_ignored<Event>);
  return wait(d);
}

// The place at a backend that a state has, if it has one.
lease* place_in(state& s) {
  if (auto* here = std::get_if<reach_machine>(&s)) return &here->backend();
  if (auto* here = std::get_if<login_machine::replying>(&s)) return &here->backend.place;
  auto* reading = std::get_if<login_machine::reading>(&s);
  return reading != nullptr && reading->kept ? &reading->kept->place : nullptr;
}

action finish(data& d, state& s, ending end) {
  d.end = std::move(end);
  if (lease* const place = place_in(s)) d.backend = std::move(*place);
  d.backend.give_back();
  s = login_machine::over{};
  return {.what = kind::end};
}

action read_client(const data& d) {
  return {.what = kind::read_client,
          .bytes_max = std::max(packet_read_bytes, d.packet.bytes_missing),
          .deadline = d.due};
}

action lose_client(data& d, state& s, const failure& why) {
  if (!why.is_local_trouble) return finish(d, s, {.reason = close_reason::client_left_early});
  return finish(d, s, {.reason = close_reason::local_trouble, .detail = why.in_words()});
}

// PostgreSQL's verdict on the packet, if the client can read it: one that waits for the one-byte answer to
// its request for encryption cannot.
ending malformed(const pgwire::startup_step& packet) {
  const auto verdict = pgwire::verdict_of(packet.error);
  const bool awaits_one_byte = packet.error == pgwire::errc::unencrypted_data_after_ssl_request ||
                               packet.error == pgwire::errc::unencrypted_data_after_gssenc_request;
  if (verdict.is_silent || awaits_one_byte) {
    return {
        .reason = close_reason::malformed_startup, .detail = std::string(verdict.message), .is_untold = true};
  }
  return {.reason = close_reason::malformed_startup,
          .detail = pgwire::reason_of(packet),
          .sqlstate = verdict.sqlstate};
}

question question_of(pgwire::packet_kind packet) {
  switch (packet) {
    case pgwire::packet_kind::ssl_request:
      return question::ssl;
    case pgwire::packet_kind::gssenc_request:
      return question::gssenc;
    case pgwire::packet_kind::direct_tls:
      return question::direct_tls;
    case pgwire::packet_kind::startup_message:
    case pgwire::packet_kind::cancel_request:
      break;
  }
  return question::startup;
}

action forward_cancel(data& d, state& s, time_point now) {
  auto place = admit_cancel(d.around.permits, d.around.limits());
  if (!place) {
    d.around.cancel_counters.dropped.add();
    return finish(d, s, {.reason = close_reason::cancel_request, .detail = "too many cancels at once"});
  }
  s = login_machine::forwarding_cancel{std::move(*place)};
  // Later than this it could hit another query of the same session (pgbouncer#245), so it is dropped.
  d.due = now + d.around.timeouts().cancel_timeout;
  return {.what = kind::forward_cancel, .bytes = d.packet.bytes, .deadline = d.due};
}

// The backend has been reached, or cannot be.
action relay(data& d, state& s, lease backend, time_point now) {
  d.backend = std::move(backend);
  s = login_machine::logging_in{};
  d.watch = pgwire::login_watch({routing::needs_primary(d.around.route())});
  d.due = d.is_encrypted ? time_point::max() : now + d.around.timeouts().login_timeout;
  return {.what = kind::relay, .deadline = d.due};
}

action after_reach(data& d, state& s, reached it, question asked, time_point now) {
  d.answer = std::move(it.answer);
  if (!asks_for_encryption(asked)) {
    d.is_encrypted = asked == question::direct_tls;
    return relay(d, s, std::move(it.backend.place), now);
  }
  s = login_machine::replying{std::move(it.backend)};
  d.due = now + d.around.timeouts().startup_timeout;
  return {.what = kind::look_at_client, .deadline = d.due};
}

// A client that has asked for encryption reads the reason once that is declined and it has asked on.
action after_reach(data& d, state& s, ending end, question asked, time_point now) {
  if (asks_for_encryption(asked) && end.reason != close_reason::client_left_early) {
    d.due = now + refusal_timeout;
    s = login_machine::refusing{.why = std::move(end), .is_reply_due = true};
    return {.what = kind::write_client, .bytes = {&no_encryption, 1}, .deadline = d.due};
  }
  end.is_untold |= asked != question::startup;
  return finish(d, s, std::move(end));
}

action after_step(data& d, state& s, reach_step step, question asked, time_point now) {
  return std::visit(overloaded{[](action& next) { return std::move(next); },
                               [&](reached& it) { return after_reach(d, s, std::move(it), asked, now); },
                               [&](ending& end) { return after_reach(d, s, std::move(end), asked, now); }},
                    step);
}

action reach(data& d, state& s, std::optional<attempt> kept, time_point now) {
  const question asked = question_of(d.packet.packet);
  if (asked == question::startup) {
    const auto message = pgwire::parse_startup_message(d.packet.bytes);
    PGSTEER_ASSERT(message.has_value());  // or the negotiation would have called the packet invalid
    d.user = message->user;
    d.database = message->database;
    d.application_name = message->application_name;
  }
  reach_machine& machine =
      s.emplace<reach_machine>(d.around, reach_machine::request{.what = asked,
                                                                .packet = d.packet.bytes,
                                                                .has_sent_more = d.packet.bytes_behind > 0,
                                                                .kept = std::move(kept)});
  return after_step(d, s, machine.begin(now), asked, now);
}

action on(data& d, state& s, reach_machine& here, const event& what, time_point now) {
  const question asked = here.asked();
  if (const auto* stop = std::get_if<stopped>(&what))
    return finish(d, s, {.reason = stop->reason, .is_untold = asked != question::startup});
  return after_step(d, s, here.resume(what, now), asked, now);
}

// reading: one whole packet.
action serve_packet(data& d, state& s, std::optional<attempt> kept, time_point now) {
  if (d.packet.packet == pgwire::packet_kind::cancel_request) return forward_cancel(d, s, now);
  return reach(d, s, std::move(kept), now);
}

action on(data& d, state& s, login_machine::reading& here, const event& what, time_point now) {
  return std::visit(overloaded{[&](const begun&) {
                                 d.due = d.around.arrived + d.around.timeouts().startup_timeout;
                                 return read_client(d);
                               },
                               [&](const client_bytes& it) {
                                 d.received.insert(d.received.end(), it.bytes.begin(), it.bytes.end());
                                 d.packet = d.negotiation.consume(d.received);
                                 switch (d.packet.what) {
                                   case pgwire::startup_step::kind::needs_more:
                                     return read_client(d);
                                   case pgwire::startup_step::kind::invalid:
                                     return finish(d, s, malformed(d.packet));
                                   case pgwire::startup_step::kind::complete:
                                     break;
                                 }
                                 return serve_packet(d, s, std::move(here.kept), now);
                               },
                               [&](const client_failed& it) { return lose_client(d, s, it.why); },
                               [&](const snapshot_changed&) {
                                 action next = wait(d);
                                 if (!here.kept) return next;
                                 const bool may_stay = may_go_on(*d.around.state, here.kept->place.id(),
                                                                 d.around.route(), here.kept->is_slow, now);
                                 if (may_stay) return next;
                                 here.kept.reset();  // it has declined encryption, and nothing else is lost
                                 d.around.counters.retried.add();
                                 next.drops_backend = true;
                                 return next;
                               },
                               [&](const deadline_passed&) {
                                 if (now < d.due) return wait(d);
                                 return finish(d, s, {.reason = close_reason::startup_timeout});
                               },
                               [&](const stopped& it) { return finish(d, s, {.reason = it.reason}); },
                               [&](const auto& other) { return ignore(d, other); }},
                    what);
}

// refusing: declines requests for encryption until the client can read why. No password is asked for, so
// nothing secret travels in the clear.
action refuse_packet(data& d, state& s, login_machine::refusing& here, time_point now) {
  switch (d.packet.what) {
    case pgwire::startup_step::kind::needs_more:
      return read_client(d);
    case pgwire::startup_step::kind::invalid:
      return finish(d, s, std::move(here.why));
    case pgwire::startup_step::kind::complete:
      break;
  }
  switch (d.packet.packet) {
    case pgwire::packet_kind::cancel_request:
      return forward_cancel(d, s, now);  // as in PostgreSQL, however full it is; it has a limit of its own
    case pgwire::packet_kind::direct_tls:
      here.why.is_untold = true;
      [[fallthrough]];
    case pgwire::packet_kind::startup_message:
      return finish(d, s, std::move(here.why));
    case pgwire::packet_kind::ssl_request:
    case pgwire::packet_kind::gssenc_request:
      break;
  }
  here.is_reply_due = true;
  return {.what = kind::write_client, .bytes = {&no_encryption, 1}, .deadline = d.due};
}

action on(data& d, state& s, login_machine::refusing& here, const event& what, time_point now) {
  const auto give_up = [&] {
    here.why.is_untold |= here.is_reply_due;
    return finish(d, s, std::move(here.why));
  };
  return std::visit(overloaded{[&](const begun&) {
                                 d.due = now + refusal_timeout;
                                 return read_client(d);
                               },
                               [&](const client_bytes& it) {
                                 PGSTEER_ASSERT(!here.is_reply_due);
                                 d.received.insert(d.received.end(), it.bytes.begin(), it.bytes.end());
                                 d.packet = d.negotiation.consume(d.received);
                                 return refuse_packet(d, s, here, now);
                               },
                               [&](const client_written&) {
                                 PGSTEER_ASSERT(here.is_reply_due);
                                 here.is_reply_due = false;
                                 d.negotiation.replied(static_cast<char>(no_encryption));
                                 d.received.clear();
                                 d.packet = {};
                                 return read_client(d);
                               },
                               [&](const client_failed&) { return give_up(); },
                               [&](const deadline_passed&) { return now < d.due ? wait(d) : give_up(); },
                               [&](const stopped&) { return give_up(); },
                               [&](const auto& other) { return ignore(d, other); }},
                    what);
}

// replying: passes on 'S', 'G' or 'N'. On 'S' or 'G' what follows cannot be read; on 'N' the client may ask
// on, over the same connection.
action on(data& d, state& s, login_machine::replying& here, const event& what, time_point now) {
  const auto end = [&](close_reason reason, std::string detail = {}) {
    return finish(d, s, {.reason = reason, .detail = std::move(detail), .is_untold = true});
  };
  return std::visit(
      overloaded{
          [&](const client_seen& it) {
            // Bytes that came before the answer were not encrypted and would be taken for encrypted
            // ones (CVE-2021-23214): PostgreSQL ends such a connection, and so do we.
            if (it.has_input)
              return end(close_reason::malformed_startup,
                         "received unencrypted data after a request for encryption");
            return action{.what = kind::write_client, .bytes = d.answer, .deadline = d.due};
          },
          [&](const client_written&) {
            const char reply = static_cast<char>(d.answer.front());
            d.is_encrypted = reply != 'N';
            d.negotiation.replied(reply);
            d.received.clear();
            d.answer.clear();
            d.packet = {};
            attempt backend = std::move(here.backend);
            if (d.is_encrypted) return relay(d, s, std::move(backend.place), now);
            s = login_machine::reading{std::move(backend)};
            return read_client(d);
          },
          [&](const client_failed&) { return end(close_reason::client_left_early); },
          [&](const deadline_passed&) { return now < d.due ? wait(d) : end(close_reason::startup_timeout); },
          [&](const stopped& it) { return end(it.reason); },
          [&](const auto& other) { return ignore(d, other); }},
      what);
}

// forwarding_cancel: one connection for one packet.
action on(data& d, state& s, login_machine::forwarding_cancel&, const event& what, time_point now) {
  const auto end = [&] { return finish(d, s, {.reason = close_reason::cancel_request}); };
  return std::visit(
      overloaded{[&](const cancel_delivered&) { return end(); },
                 [&](const deadline_passed&) { return now < d.due ? wait(d) : end(); },
                 [&](const stopped&) { return end(); }, [&](const auto& other) { return ignore(d, other); }},
      what);
}

// logging_in: bytes flow already.
action on(data& d, state& s, login_machine::logging_in&, const event& what, time_point now) {
  if (const auto* stop = std::get_if<stopped>(&what)) return finish(d, s, {.reason = stop->reason});
  const bool is_late = std::holds_alternative<deadline_passed>(what) && now >= d.due;
  return is_late ? finish(d, s, {.reason = close_reason::login_timeout}) : wait(d);
}

// over: whatever was on its way.
action on(data&, state&, login_machine::over&, const event&, time_point) {
  return {};
}

// SQLSTATEs of a refused login by which the role or the state of the backend has changed (rule 7).
bool suggests_change(std::string_view sqlstate) noexcept {
  return sqlstate == "57P01" || sqlstate == "57P02" || sqlstate == "57P03" || sqlstate == "25006";
}

}  // namespace

login_machine::login_machine(const surroundings& around, permit login)
    : data_{.around = around, .login = std::move(login)}, state_(reading{std::nullopt}) {}

login_machine::login_machine(const surroundings& around, refused why)
    : data_{.around = around},
      state_(refusing{.why = {.reason = why.reason}, .refusal = std::move(why.refusal)}) {}

action login_machine::resume(const event& what, time_point now) {
  return std::visit([&](auto& present) { return on(data_, state_, present, what, now); }, state_);
}

std::span<const topology::backend_id> login_machine::tried() const noexcept {
  const auto* reaching = std::get_if<reach_machine>(&state_);
  return reaching != nullptr ? reaching->tried() : std::span<const topology::backend_id>();
}

const lease& login_machine::backend() noexcept {
  const lease* const place = place_in(state_);
  return place != nullptr ? *place : data_.backend;
}

login_stage login_machine::stage() const noexcept {
  if (std::holds_alternative<forwarding_cancel>(state_)) return login_stage::cancelling;
  const auto* reaching = std::get_if<reach_machine>(&state_);
  return reaching != nullptr && reaching->is_held() ? login_stage::held : login_stage::under_way;
}

byte_span login_machine::to_backend() const noexcept {
  return byte_span(data_.received).subspan(data_.packet.bytes.size());
}

watched login_machine::watch(byte_span bytes) {
  const bool was_between_messages = data_.watch.is_between_messages();
  switch (data_.watch.consume(bytes)) {
    case pgwire::login_watch::state::watching:
      return {};
    case pgwire::login_watch::state::logged_in:
      data_.login.release();
      state_ = over{};
      return {.what = watched::verdict::logged_in};
    case pgwire::login_watch::state::failed: {
      watched result{.what = watched::verdict::failed, .end = close_reason::login_failed};
      if (suggests_change(data_.watch.sqlstate())) result.hint = topology::hint::login_failed;
      return result;
    }
    case pgwire::login_watch::state::refused_hot_standby:
      data_.around.counters.stale_refused.add();
      // A message of our own fits only between two messages of the backend's.
      return {.what = watched::verdict::refused,
              .hint = topology::hint::login_failed,
              .end = close_reason::stale_primary,
              .may_speak = was_between_messages};
    case pgwire::login_watch::state::not_postgresql:
      break;
  }
  return {.what = watched::verdict::refused,
          .end = close_reason::backend_misbehaved,
          .may_speak = was_between_messages};
}

}  // namespace pgsteer::login
