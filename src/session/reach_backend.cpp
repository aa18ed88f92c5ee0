// Route, hold, dial, ask; and again until a backend answers or the login has waited long enough.
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include "pgsteer/net/as_result.hpp"
#include "pgsteer/net/socket.hpp"
#include "pgsteer/pgwire/first_answer.hpp"
#include "session/session.hpp"

namespace pgsteer::session {
namespace asio = boost::asio;
namespace {

using net::as_result;
// After trouble of this host, such as EMFILE: long enough for other sessions to end, short for a client.
constexpr auto local_trouble_pause = milliseconds{100};
constexpr auto retry_pause_max = seconds{1};
// A dial or a first answer that takes longer is unusual: a fork and a TCP handshake take a few milliseconds.
constexpr auto slow_after = milliseconds{50};
// PostgreSQL's first answer is below 100 bytes, a refusal a few hundred.
constexpr std::size_t answer_read_bytes = 1024;

std::string wait_in_words(duration waited, std::string_view why) {
  const auto ms = std::chrono::duration_cast<milliseconds>(waited).count();
  const std::string wait = ms % 1000 == 0 ? std::to_string(ms / 1000) + " s" : std::to_string(ms) + " ms";
  return "no usable backend after waiting " + wait + ": " + std::string(why);
}

}  // namespace

// Afterwards backend_ is connected, has been asked, and its first bytes are in opening_->answer.
asio::awaitable<session::maybe_end> session::reach_backend(question what) {
  opening& o = *opening_;
  o.watchdog.disarm();
  watch_client();
  maybe_end end;
  for (;;) {
    attempt_end outcome = attempt_end::answered;
    o.is_cut = false;
    // It answered an earlier packet, maybe seconds ago: only what is proven now counts.
    if (backend_.is_open()) o.is_slow = true;
    if (backend_.is_open() && !is_backend_usable()) drop_backend(attempt_end::cut);
    if (!backend_.is_open()) {
      end = co_await route();
      if (end) break;
      outcome = co_await dial();
      // The process may have stood still meanwhile: nothing is sent by knowledge that is too old.
      if (outcome == attempt_end::answered && !is_backend_usable()) outcome = attempt_end::cut;
    }
    if (outcome == attempt_end::answered) outcome = co_await ask(what);
    o.watchdog.disarm();
    if (outcome == attempt_end::answered) backend_counters_->logins_answered.add();
    leave_dial_gate();
    end = interruption();
    if (end || outcome == attempt_end::answered) break;
    drop_backend(outcome);
    if (outcome != attempt_end::local_trouble) continue;
    end = co_await sit_out_local_trouble();
    if (end) break;
  }
  leave_dial_gate();
  end_hold(!end);
  error_code ignored;
  client_.cancel(ignored);  // ends watch_client()
  if (client_.is_open()) net::heed_what_arrived(client_.native_handle());
  co_return end;
}

// Trouble of this host is no backend's fault, so the same one is tried again, for as long as a login may
// wait.
asio::awaitable<session::maybe_end> session::sit_out_local_trouble() {
  opening& o = *opening_;
  if (!o.hold_deadline) o.hold_deadline = clock::now() + listener_.options.hold_timeout;
  const time_point until = std::min<time_point>(clock::now() + local_trouble_pause, *o.hold_deadline);
  co_await o.wait.wait_until(until);
  if (const maybe_end end = interruption()) co_return end;
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
  if (net::state_of_peer(client_.native_handle()) != net::peer_state::present) {
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
  const auto place = worker_.held.join({&listener_, &o.wait, accepted_at_, wish});
  const bool is_woken = co_await o.wait.wait_until(until);
  worker_.held.leave(place);
  o.tried.clear();
  if (const maybe_end end = interruption()) co_return end;
  if (is_woken || clock::now() < *o.hold_deadline) co_return std::nullopt;
  listener_.counters.hold_expired.add();
  detail_ = wait_in_words(listener_.options.hold_timeout, o.why_held);
  co_return close_reason::hold_timeout;
}

asio::awaitable<session::maybe_end> session::enter_dial_gate() {
  opening& o = *opening_;
  const time_point deadline =
      o.hold_deadline ? *o.hold_deadline : clock::now() + listener_.options.hold_timeout;
  o.has_dial_slot = co_await worker_.dials.enter(o.wait, accepted_at_, deadline);
  if (const maybe_end end = interruption()) co_return end;
  if (o.has_dial_slot || clock::now() < deadline) co_return std::nullopt;
  listener_.counters.hold_expired.add();
  detail_ = wait_in_words(listener_.options.hold_timeout, "too many logins dial at once");
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
  error_code ec = address ? error_code{} : address.error();
  if (!ec) backend_.open(address->protocol(), ec);
  if (!ec) ec = net::configure(backend_.native_handle(), worker_.shared.options.tcp);
  if (ec) co_return failed_dial(ec);
  o.is_slow = true;
  expect_within(worker_.shared.options.connect_timeout, [this] {
    error_code ignored;
    backend_.cancel(ignored);
  });
  const auto [connect_ec] = co_await backend_.async_connect(*address, as_result);
  o.watchdog.disarm();
  if (is_interrupted()) co_return attempt_end::cut;
  if (!connect_ec) co_return attempt_end::answered;
  co_return failed_dial(connect_ec);
}

attempt_end session::failed_dial(const error_code& ec) {
  if (net::is_local_trouble(ec)) {
    local_trouble(ec);
    return attempt_end::local_trouble;
  }
  backend_counters_->dial_failures.add();
  return attempt_end::failed;
}

// Sends the client's packet and reads the first answer. To a request for encryption PostgreSQL answers at
// once or not at all. Another answer that is slow is suspicious, not wrong: some authentication methods ask
// other servers first. So the probe is told, and review() cuts the wait short when it finds the backend hung.
asio::awaitable<attempt_end> session::ask(question what) {
  opening& o = *opening_;
  o.refusal.clear();
  o.is_slow = false;
  expect_within(worker_.shared.options.connect_timeout, [this, what] { on_slow_answer(what); });
  const auto [ec, n] =
      co_await asio::async_write(backend_, asio::buffer(o.step.bytes.data(), o.step.bytes.size()), as_result);
  if (is_interrupted()) co_return attempt_end::cut;
  if (ec) co_return attempt_end::failed;
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
    worker_.note_sign(backend_id_, backend_sign::login_slow);
    opening_->watchdog.arm(asked + timeout, on_timeout);
  });
}

void session::on_slow_answer(question what) {
  worker_.note_sign(backend_id_, backend_sign::login_failed);
  leave_dial_gate();  // others need not wait for this one
  opening_->is_slow = true;
  review(*worker_.topology().snapshot);
  if (what == question::encryption) {
    error_code ignored;
    backend_.cancel(ignored);
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
  const auto [ec, n] = co_await backend_.async_read_some(asio::buffer(o.answer), as_result);
  o.answer.resize(n);
  if (is_interrupted()) co_return attempt_end::cut;
  if (ec || n != 1) co_return attempt_end::failed;
  const char reply = static_cast<char>(o.answer.front());
  const char yes = o.step.packet == pgwire::packet_kind::ssl_request ? 'S' : 'G';
  co_return reply == yes || reply == 'N' ? attempt_end::answered : attempt_end::failed;
}

asio::awaitable<attempt_end> session::read_first_message() {
  opening& o = *opening_;
  for (;;) {
    const std::size_t had = o.answer.size();
    o.answer.resize(had + answer_read_bytes);
    const auto [ec, n] =
        co_await backend_.async_read_some(asio::buffer(o.answer.data() + had, answer_read_bytes), as_result);
    o.answer.resize(had + n);
    if (is_interrupted()) co_return attempt_end::cut;
    if (ec) co_return attempt_end::failed;
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
  error_code ignored;
  backend_.close(ignored);
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
  if (!is_merely_full) worker_.note_sign(backend_id_, backend_sign::login_failed);
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

// A client that leaves while a backend is being found has its place freed at once, also if it sent its first
// query behind the startup packet.
void session::watch_client() {
  client_.async_wait(net::tcp::socket::wait_read, [self = shared_from_this()](const error_code& ec) {
    if (ec || !self->opening_ || !self->client_.is_open()) return;
    const int fd = self->client_.native_handle();
    if (net::state_of_peer(fd) == net::peer_state::present) {
      if (net::ignore_what_arrived(fd)) self->watch_client();
      return;
    }
    // Perhaps it has only ended its sending direction and waits for the answer; hold() asks again.
    const bool has_asked =
        self->opening_->step.bytes_behind > 0 || net::peek(fd) == net::pending_input::bytes;
    if (has_asked && !self->opening_->is_held) return;
    self->opening_->is_client_gone = true;
    error_code ignored;
    self->backend_.cancel(ignored);
    self->opening_->wait.wake();
  });
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
