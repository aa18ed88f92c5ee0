// Route, hold, dial, ask; and again until a backend answers or the login has waited long enough.
#include <utility>

#include "pgsteer/net/socket.hpp"
#include "pgsteer/pgwire/first_answer.hpp"
#include "session/session.hpp"

namespace pgsteer::session {
namespace asio = boost::asio;
namespace {

// After trouble of this host, such as EMFILE: long enough for other sessions to end, short for a client.
constexpr auto local_trouble_pause = milliseconds{100};
constexpr auto retry_pause_max = seconds{1};
// A dial or a first answer that takes longer is unusual: a fork and a TCP handshake take a few milliseconds.
constexpr auto slow_after = milliseconds{50};
// Only looking tells whether a client that has sent something has left.
constexpr auto look_again_after = milliseconds{100};
// PostgreSQL's first answer is below 100 bytes, a refusal a few hundred.
constexpr std::size_t answer_read_bytes = 1024;

std::string wait_in_words(duration waited, std::string_view why) {
  const auto ms = std::chrono::duration_cast<milliseconds>(waited).count();
  const std::string wait = ms % 1000 == 0 ? std::to_string(ms / 1000) + " s" : std::to_string(ms) + " ms";
  return "no usable backend after waiting " + wait + ": " + std::string(why);
}

}  // namespace

// Afterwards opening_->backend is connected, has been asked, and its first bytes are in opening_->answer.
asio::awaitable<session::maybe_end> session::reach_backend(question what) {
  opening& o = *opening_;
  o.watchdog.disarm();
  o.is_reaching = true;
  maybe_end end;
  for (;;) {
    attempt_end outcome = attempt_end::answered;
    o.is_cut = false;
    // It answered an earlier packet, maybe seconds ago: only what is proven now counts.
    if (o.backend.is_open()) o.is_slow = true;
    if (o.backend.is_open() && !is_backend_usable()) drop_backend(attempt_end::cut);
    if (!opening_->backend.is_open()) {
      end = co_await route();
      if (end) break;
      outcome = co_await dial();
      // The process may have stood still meanwhile: nothing is sent by knowledge that is too old.
      if (outcome == attempt_end::answered && !is_backend_usable()) outcome = attempt_end::cut;
    }
    if (outcome == attempt_end::answered) outcome = co_await ask(what);
    o.watchdog.disarm();
    if (outcome == attempt_end::answered) {
      backend_counters_->logins_answered.add();
      detail_.reset();  // what was wrong before
    }
    leave_dial_gate();
    end = interruption();
    if (end || outcome == attempt_end::answered) break;
    drop_backend(outcome);
    if (outcome != attempt_end::local_trouble) continue;
    end = co_await sit_out_local_trouble();
    if (end) break;
  }
  o.is_reaching = false;
  leave_dial_gate();
  end_hold(!end);
  stop_watching_client();
  co_return end;
}

// Trouble of this host is no backend's fault, so the same one is tried again, for as long as a login may
// wait.
asio::awaitable<session::maybe_end> session::sit_out_local_trouble() {
  opening& o = *opening_;
  if (!o.hold_deadline) o.hold_deadline = clock::now() + listener_.options.hold_timeout;
  const time_point until = std::min<time_point>(clock::now() + local_trouble_pause, *o.hold_deadline);
  co_await o.wait.wait_until(until);
  if (const maybe_end end = interruption()) {
    detail_.reset();  // that is not what it ends for
    co_return end;
  }
  if (clock::now() < *o.hold_deadline) co_return std::nullopt;
  co_return close_reason::local_trouble;
}

// A backend for this login, and a place among the concurrent dials.
asio::awaitable<session::maybe_end> session::route() {
  opening& o = *opening_;
  if (!o.ticket) o.ticket = listener_.ticket.fetch_add(1, std::memory_order_relaxed);
  for (;;) {
    const routing::choice chosen = worker_.choose(listener_, o.tried, *o.ticket);
    if (chosen.backend != nullptr && o.has_dial_slot) {
      lease(chosen);
      co_return std::nullopt;
    }
    maybe_end end;
    if (chosen.backend != nullptr) {
      end = co_await enter_dial_gate();  // and choose again: the wait may have changed the choice
    } else {
      leave_dial_gate();
      end = co_await hold(chosen.why_not);
    }
    if (end) co_return end;
  }
}

// Waits for another snapshot, in the order of arrival.
asio::awaitable<session::maybe_end> session::hold(routing::no_backend why) {
  opening& o = *opening_;
  if (net::state_of_peer(o.client.fd()) != net::peer_state::present) {
    o.is_client_gone = true;
    co_return interruption();
  }
  if (!o.is_held) {
    auto permit = worker_.shared.limits.held_logins.take();
    if (!permit) co_return close_reason::too_many_logins;
    o.hold_permit = std::move(*permit);
    o.is_held = true;
    listener_.counters.held.add();
    listener_.counters.held_total.add();
  }
  if (!o.hold_deadline) o.hold_deadline = clock::now() + listener_.options.hold_timeout;
  if (why != routing::no_backend::all_tried || o.why_held.empty()) o.why_held = routing::to_string(why);
  time_point until = *o.hold_deadline;
  hold_line::wish wish = hold_line::wish::a_backend;
  if (why == routing::no_backend::all_tried) {
    // Eligible by the snapshot, yet it refused: ask again at the next change, or ever more rarely, since each
    // dial is a fork there.
    until = std::min(until, clock::now() + o.retry_pause);
    o.retry_pause = std::min<duration>(o.retry_pause * 2, retry_pause_max);
    wish = hold_line::wish::a_change;
  } else {
    o.refusal.clear();  // what is wrong now is no longer that a backend was full
  }
  watch_client();
  const auto place = worker_.held.join({&listener_, &o.wait, accepted_at_, wish});
  const bool is_woken = co_await o.wait.wait_until(until);
  worker_.held.leave(place);
  o.tried.clear();
  // Nothing is asked, and nothing done, for a client that has given up meanwhile.
  if (net::state_of_peer(o.client.fd()) != net::peer_state::present) o.is_client_gone = true;
  if (const maybe_end end = interruption()) co_return end;
  if (is_woken || clock::now() < *o.hold_deadline) co_return std::nullopt;
  listener_.counters.hold_expired.add();
  explain(wait_in_words(listener_.options.hold_timeout, o.why_held));
  co_return close_reason::hold_timeout;
}

asio::awaitable<session::maybe_end> session::enter_dial_gate() {
  opening& o = *opening_;
  const time_point deadline =
      o.hold_deadline ? *o.hold_deadline : clock::now() + listener_.options.hold_timeout;
  if (!worker_.dials.is_free()) watch_client();
  o.has_dial_slot = co_await worker_.dials.enter(o.wait, accepted_at_, deadline);
  if (const maybe_end end = interruption()) co_return end;
  if (o.has_dial_slot || clock::now() < deadline) co_return std::nullopt;
  listener_.counters.hold_expired.add();
  explain(wait_in_words(listener_.options.hold_timeout, "too many logins dial at once"));
  co_return close_reason::hold_timeout;
}

void session::lease(const routing::choice& chosen) {
  const auto& topology = worker_.topology();
  const auto index = static_cast<std::size_t>(chosen.backend - topology.snapshot->backends.data());
  backend_id_ = chosen.backend->id;
  backend_address_ = chosen.backend->address;
  backend_counters_ = topology.counters[index];
  backend_counters_->sessions.add();
  backend_counters_->sessions_total.add();
}

asio::awaitable<attempt_end> session::dial() {
  opening& o = *opening_;
  const auto address = net::to_address(backend_address_);
  if (!address) co_return failed_dial(address.error());
  auto made = net::make_socket(*address, worker_.shared.options.tcp);
  if (!made) co_return failed_dial(made.error());
  o.is_slow = true;
  error_code ec = net::connect(made->value(), *address);
  const bool is_under_way = ec == boost::system::errc::operation_in_progress;
  if (ec && !is_under_way) co_return failed_dial(ec);
  o.backend.take(std::move(*made));
  if (!is_under_way) co_return attempt_end::answered;

  expect_within(worker_.shared.options.connect_timeout, [this] { opening_->backend.cancel(); });
  ec = co_await o.backend.wait(relay::readiness::writable);
  o.watchdog.disarm();
  if (is_interrupted()) co_return attempt_end::cut;
  if (!ec) ec = net::connect(o.backend.fd(), *address);
  if (ec) co_return failed_dial(ec);
  co_return attempt_end::answered;
}

attempt_end session::failed_dial(const error_code& ec) {
  const attempt_end why = failed_attempt(ec);
  if (why == attempt_end::failed) backend_counters_->dial_failures.add();
  return why;
}

attempt_end session::failed_attempt(const error_code& ec) {
  if (!net::is_local_trouble(ec)) return attempt_end::failed;
  local_trouble(ec);
  return attempt_end::local_trouble;
}

// Sends the client's packet and reads the first answer. To a request for encryption PostgreSQL answers at
// once or not at all. Another answer that is slow is suspicious, not wrong: some authentication methods ask
// other servers first. So the probe is told, and review() cuts the wait short when it finds the backend hung.
asio::awaitable<attempt_end> session::ask(question what) {
  opening& o = *opening_;
  o.refusal.clear();
  o.is_slow = false;
  expect_within(worker_.shared.options.connect_timeout, [this, what] { on_slow_answer(what); });
  const error_code ec = co_await o.backend.write(o.step.bytes);
  if (is_interrupted()) co_return attempt_end::cut;
  if (ec) co_return failed_attempt(ec);
  o.answer.clear();
  attempt_end outcome = attempt_end::answered;
  if (what == question::encryption) {
    outcome = co_await read_encryption_reply();
  } else if (what == question::startup) {
    outcome = co_await read_first_message();
  }
  co_return outcome;
}

// Long before the deadline the probe is told, which finds out whether only this login is slow.
void session::expect_within(duration timeout, std::function<void()> on_timeout) {
  const time_point asked = clock::now();
  const duration first = std::min<duration>(slow_after, timeout);
  opening_->watchdog.arm(asked + first, [this, asked, timeout, on_timeout = std::move(on_timeout)] {
    worker_.note_hint(backend_id_, topology::hint::login_slow);
    watch_client();
    opening_->watchdog.arm(asked + timeout, on_timeout);
  });
}

void session::on_slow_answer(question what) {
  worker_.note_hint(backend_id_, topology::hint::login_failed);
  leave_dial_gate();  // others need not wait for this one
  opening_->is_slow = true;
  review(*worker_.topology().snapshot);
  if (what == question::encryption) {
    opening_->backend.cancel();
    return;
  }
  opening_->watchdog.arm(clock::now() + worker_.shared.options.login_timeout,
                         [this] { request_close(close_reason::login_timeout); });
}

// 'S', 'G' or 'N', and not a byte more: what came with it was not encrypted (CVE-2021-23222). An 'E' is text
// that nobody has vouched for and is not passed on (CVE-2024-10977).
asio::awaitable<attempt_end> session::read_encryption_reply() {
  opening& o = *opening_;
  o.answer.resize(2);
  const auto [ec, n] = co_await o.backend.read_some(o.answer);
  o.answer.resize(n);
  if (is_interrupted()) co_return attempt_end::cut;
  if (ec) co_return failed_attempt(ec);
  if (n != 1) co_return attempt_end::failed;
  const char reply = static_cast<char>(o.answer.front());
  const char yes = o.step.packet == pgwire::packet_kind::ssl_request ? 'S' : 'G';
  co_return reply == yes || reply == 'N' ? attempt_end::answered : attempt_end::failed;
}

asio::awaitable<attempt_end> session::read_first_message() {
  opening& o = *opening_;
  for (;;) {
    const std::size_t had = o.answer.size();
    const error_code wait_ec = co_await o.backend.wait(relay::readiness::readable);  // it has to fork first
    if (is_interrupted()) co_return attempt_end::cut;
    if (wait_ec) co_return failed_attempt(wait_ec);
    o.answer.resize(had + answer_read_bytes);
    const auto [ec, n] = co_await o.backend.read_some({o.answer.data() + had, answer_read_bytes});
    o.answer.resize(had + n);
    if (is_interrupted()) co_return attempt_end::cut;
    if (ec) co_return failed_attempt(ec);
    const pgwire::first_answer answer = pgwire::read_first_answer({o.answer.data(), o.answer.size()});
    switch (answer.kind) {
      case pgwire::first_answer_kind::needs_more:
        continue;
      case pgwire::first_answer_kind::other:
        co_return attempt_end::answered;
      case pgwire::first_answer_kind::not_postgresql:
        co_return attempt_end::failed;
      case pgwire::first_answer_kind::error_response:
        if (!pgwire::is_retryable_elsewhere(answer.fields.sqlstate)) co_return attempt_end::answered;
        if (answer.fields.sqlstate == "53300") o.refusal = o.answer;
        co_return attempt_end::refused;
    }
  }
}

// The backend did not work out: it is not chosen again for this login until a new snapshot comes.
void session::drop_backend(attempt_end why) {
  opening& o = *opening_;
  o.backend.close();
  if (backend_counters_) {
    backend_counters_->sessions.subtract();
    backend_counters_.reset();
  }
  o.answer.clear();
  if (why == attempt_end::local_trouble) return;
  listener_.counters.retried.add();
  if (why == attempt_end::cut) return;
  o.tried.push_back(backend_id_);
  const bool is_merely_full = why == attempt_end::refused && !o.refusal.empty();
  if (!is_merely_full) worker_.note_hint(backend_id_, topology::hint::login_failed);
}

void session::leave_dial_gate() {
  if (opening_->has_dial_slot) worker_.dials.leave();
  opening_->has_dial_slot = false;
}

void session::end_hold(bool is_released) {
  if (!opening_->is_held) return;
  if (is_released) listener_.counters.hold_released.add();
  opening_->is_held = false;
  opening_->hold_permit.release();
  listener_.counters.held.subtract();
}

// A client that leaves while a backend is being found has its place freed soon, also if it sent its first
// query behind the startup packet. Begun once there is something to wait for: most backends answer at once.
void session::watch_client() {
  if (std::exchange(opening_->is_client_watched, true)) return;
  opening_->client.when_readable([this] { look_at_client(); });
}

// There is something to read, and stays there, so that nothing can be waited for any more: looks again and
// again.
void session::look_at_client() {
  opening& o = *opening_;
  const int fd = o.client.fd();
  const net::peer_state state = net::state_of_peer(fd);
  // One that has only ended its sending direction may wait for the answer; hold() does not let it.
  const bool has_asked = o.step.bytes_behind > 0 || net::peek(fd) == net::pending_input::bytes;
  const bool may_stay = state == net::peer_state::ended && has_asked && !o.is_held;
  if (state == net::peer_state::present || may_stay) {
    o.client_watchdog.arm(clock::now() + look_again_after, [this] { look_at_client(); });
    return;
  }
  o.is_client_gone = true;
  o.backend.cancel();
  o.wait.wake();
}

void session::stop_watching_client() {
  opening& o = *opening_;
  if (!std::exchange(o.is_client_watched, false)) return;
  o.client_watchdog.disarm();
  o.client.cancel();
}

bool session::is_interrupted() const {
  return requested_ || opening_->is_client_gone || opening_->is_cut;
}

session::maybe_end session::interruption() const {
  if (requested_) return requested_;
  if (opening_->is_client_gone) return close_reason::client_left_early;
  return std::nullopt;
}

}  // namespace pgsteer::session
