#include "session/session.hpp"

#include "pgsteer/net/socket.hpp"
#include "pgsteer/net/spawn.hpp"
#include "pgsteer/pgwire/errc.hpp"
#include "pgsteer/pgwire/startup_message.hpp"

namespace pgsteer::session {
namespace asio = boost::asio;
namespace {

// A StartupMessage is about 100 bytes; a ClientHello is below 2 KiB.
constexpr std::size_t read_bytes = 2 * 1024;
// How long a client that is being refused has to say what it wants, so that it can be told why not.
constexpr auto refusal_timeout = seconds{1};

}  // namespace

void start_session(worker_context& worker, listener_state& listener, accepted_client client) {
  auto self = std::make_shared<session>(worker, listener, std::move(client));
  net::spawn(worker.context, session::run(std::move(self)), "session");
}

session::session(worker_context& worker, listener_state& listener, accepted_client client)
    : worker_(worker),
      listener_(listener),
      client_address_(client.address),
      accepted_at_(client.accepted_at),
      refusal_permit_(std::move(client.refusal_permit)),
      opening_(std::make_unique<opening>(worker.context, worker.engine,
                                         routing::needs_primary(listener_.options.policy.route))) {
  opening_->client.take(std::move(client.fd));
  if (!client.session_permit) {
    requested_ = close_reason::too_many_sessions;
  } else if (!client.login_permit) {
    requested_ = close_reason::too_many_logins;
  }
  if (client.session_permit) session_permit_ = std::move(*client.session_permit);
  if (client.login_permit) opening_->login_permit = std::move(*client.login_permit);
  listener_.counters.active.add();
  worker_.enlist(*this);
}

session::~session() {
  leave_cancel_registry();
  if (backend_counters_) backend_counters_->sessions.subtract();
  worker_.delist(*this);
  listener_.counters.active.subtract();
}

// The life of a session.
asio::awaitable<void> session::run(std::shared_ptr<session> self) {
  const maybe_end end = co_await self->open();
  if (end) {
    self->close(*end, {});
    co_return;
  }
  self->start_relay();
  self->itself_ = self;  // until on_end(), which closes it: an idle session has no coroutine's memory
  co_await self->await_login();
  self->opening_.reset();
}

// Up to the point where bytes can flow: the first packets, a route, a backend that answers.
asio::awaitable<session::maybe_end> session::open() {
  maybe_end end = co_await admit();
  while (!end) {
    end = co_await read_packet();
    if (end) break;
    switch (opening_->step.packet) {
      case pgwire::packet_kind::ssl_request:
      case pgwire::packet_kind::gssenc_request:
        end = co_await request_encryption();
        if (opening_->is_blind) co_return end;
        break;
      case pgwire::packet_kind::direct_tls:
        opening_->is_blind = true;
        end = co_await reach_backend(question::direct_tls);
        co_return end;
      case pgwire::packet_kind::startup_message:
        end = co_await start_plaintext();
        co_return end;
      case pgwire::packet_kind::cancel_request:
        end = co_await forward_cancel();
        co_return end;
    }
  }
  co_return end;
}

asio::awaitable<session::maybe_end> session::admit() {
  opening_->watchdog.arm(accepted_at_ + worker_.shared.options.startup_timeout,
                         [this] { request_close(close_reason::startup_timeout); });
  if (!requested_) co_return std::nullopt;
  const close_reason reason = *requested_;
  requested_.reset();
  const maybe_end end = co_await refuse(reason);
  co_return end;
}

// Reads until one whole packet stands in opening_->step.
asio::awaitable<session::maybe_end> session::read_packet() {
  opening& o = *opening_;
  for (;;) {
    o.step = o.negotiation.consume({o.received.data(), o.received.size()});
    if (o.step.what == pgwire::startup_step::kind::complete) co_return std::nullopt;
    if (o.step.what == pgwire::startup_step::kind::invalid) {
      note_malformed();
      co_return close_reason::malformed_startup;
    }
    const std::size_t had = o.received.size();
    o.received.resize(had + std::max(read_bytes, o.step.bytes_missing));
    const auto [ec, n] = co_await o.client.read_some({o.received.data() + had, o.received.size() - had});
    o.received.resize(had + n);
    if (requested_) co_return requested_;
    if (net::is_local_trouble(ec)) co_return local_trouble(ec);
    if (ec) co_return close_reason::client_left_early;
  }
}

// PostgreSQL's verdict on the packet, if the client can read it: one that waits for the one-byte answer to
// its request for encryption cannot.
void session::note_malformed() {
  const pgwire::startup_step& step = opening_->step;
  const auto verdict = pgwire::verdict_of(step.error);
  explain(std::string(verdict.message));
  const bool awaits_one_byte = step.error == pgwire::errc::unencrypted_data_after_ssl_request ||
                               step.error == pgwire::errc::unencrypted_data_after_gssenc_request;
  if (verdict.is_silent || awaits_one_byte) return;
  explain(pgwire::reason_of(step));
  opening_->verdict_sqlstate = verdict.sqlstate;
}

// SSLRequest or GSSENCRequest: the backend decides. On 'S' or 'G' pgsteer is blind from here on; on 'N' the
// client may ask on, over the same connection.
asio::awaitable<session::maybe_end> session::request_encryption() {
  opening& o = *opening_;
  o.awaits_one_byte = true;
  maybe_end end = co_await reach_backend(question::encryption);
  if (end) {
    const bool is_worth_a_word = !requested_ && !describe(*end).sqlstate.empty();
    if (is_worth_a_word) end = co_await refuse(*end);
    co_return end;
  }
  o.watchdog.arm(clock::now() + worker_.shared.options.startup_timeout,
                 [this] { request_close(close_reason::startup_timeout); });
  // Bytes that came before the answer were not encrypted and would be taken for encrypted ones
  // (CVE-2021-23214): PostgreSQL ends such a connection, and so do we.
  if (net::peek(o.client.fd()) == net::pending_input::bytes) {
    explain("received unencrypted data after a request for encryption");
    co_return close_reason::malformed_startup;
  }
  const error_code ec = co_await o.client.write({o.answer.data(), 1});
  if (requested_) co_return requested_;
  if (ec) co_return close_reason::client_left_early;
  const char reply = static_cast<char>(o.answer.front());
  o.is_blind = reply != 'N';
  o.awaits_one_byte = false;
  o.negotiation.replied(reply);
  o.received.clear();
  o.answer.clear();
  o.step = {};
  // What comes next is a login of its own, and waits as long as any other.
  o.hold_deadline.reset();
  o.tried.clear();
  co_return std::nullopt;
}

asio::awaitable<session::maybe_end> session::start_plaintext() {
  opening& o = *opening_;
  if (const auto message = pgwire::parse_startup_message(o.step.bytes)) {
    user_ = message->user;
    database_ = message->database;
  }
  const maybe_end end = co_await reach_backend(question::startup);
  co_return end;
}

// Tells a client why not, which it can only read once it has sent its StartupMessage: requests for encryption
// are declined until then. No password is asked for, so nothing secret travels in the clear.
asio::awaitable<session::maybe_end> session::refuse(close_reason reason) {
  opening& o = *opening_;
  o.watchdog.arm(clock::now() + refusal_timeout, [this, reason] { request_close(reason); });
  for (;;) {
    const bool has_packet = o.step.what == pgwire::startup_step::kind::complete;
    if (has_packet && o.step.packet == pgwire::packet_kind::cancel_request) {
      // As in PostgreSQL, a cancel is served however full it is; it has a limit of its own.
      const maybe_end served = co_await forward_cancel();
      co_return served;
    }
    o.is_blind = has_packet && o.step.packet == pgwire::packet_kind::direct_tls;
    if (o.is_blind || (has_packet && o.step.packet == pgwire::packet_kind::startup_message)) co_return reason;
    if (has_packet) {
      static constexpr std::uint8_t reply = 'N';
      const error_code ec = co_await o.client.write({&reply, 1});
      if (ec || requested_) co_return reason;
      o.awaits_one_byte = false;
      o.negotiation.replied(static_cast<char>(reply));
      o.received.clear();
      o.step = {};
    }
    const maybe_end failed = co_await read_packet();
    if (failed) co_return reason;
  }
}

void session::start_relay() {
  opening& o = *opening_;
  o.watchdog.disarm();
  client_fd_ = o.client.release();
  backend_fd_ = o.backend.release();
  relay::flow_start start;
  start.client_fd = client_fd_.value();
  start.backend_fd = backend_fd_.value();
  start.client_wait = &o.client;
  start.backend_wait = &o.backend;
  start.owner = this;
  start.is_watched = !o.is_blind;
  const byte_span behind{o.received.data() + o.step.bytes.size(), o.received.size() - o.step.bytes.size()};
  if (!o.received.empty()) start.to_backend = behind;
  start.to_client = {o.answer.data(), o.answer.size()};
  flow_ = worker_.engine.start(start);
  if (o.is_blind) note_login();          // more of it cannot be seen
  review(*worker_.topology().snapshot);  // what changed since the backend answered
}

// Cheap enough for every login: one relaxed load unless somebody asks.
void session::note_login() {
  awaited_login& awaited = worker_.shared.awaited;
  std::uint32_t mine = backend_id_.value;
  if (awaited.backend.load(std::memory_order_relaxed) != mine) return;
  if (!routing::needs_primary(listener_.options.policy.route)) return;
  if (awaited.backend.compare_exchange_strong(mine, 0)) awaited.on_login();
}

// The relay runs already; waits until the backend has logged the client in, or the flow is over.
asio::awaitable<void> session::await_login() {
  opening& o = *opening_;
  if (o.is_blind) co_return;
  time_point deadline = clock::now() + worker_.shared.options.login_timeout;
  while (flow_ != nullptr && !o.is_logged_in) {
    const bool is_woken = co_await o.wait.wait_until(deadline);
    if (is_woken) continue;
    request_close(close_reason::login_timeout);
    deadline = time_point::max();  // on_end() follows
  }
}

void session::review(const topology::topology_snapshot& snapshot) {
  if (flow_ == nullptr) {
    // A login under way: cut short, it is routed again and the client notices nothing.
    if (!opening_ || !backend_counters_ || is_backend_usable()) return;
    const bool is_merely_kept = !opening_->is_reaching && !opening_->awaits_one_byte;
    if (is_merely_kept)
      return drop_backend(attempt_end::cut);  // it has declined encryption, and that was all
    opening_->is_cut = true;
    opening_->backend.cancel();
    return;
  }
  const topology::backend_status* status = snapshot.find(backend_id_);
  if (status == nullptr || status->sessions == topology::session_verdict::close_all) {
    if (status != nullptr && !requested_)
      explain("terminating connection due to failover: " + status->reason);
    request_close(close_reason::fenced);
  } else if (routing::needs_primary(listener_.options.policy.route) &&
             status->sessions == topology::session_verdict::close_read_write) {
    request_close(close_reason::lost_role);
  }
}

// By the present snapshot, may a login of this listener go on at the backend it was given? A missed probe
// alone ends it only if the backend keeps the login waiting too: under a storm of logins probes are late, and
// cutting logins that are nearly through would feed the storm.
bool session::is_backend_usable() const {
  const topology::backend_status* status = worker_.topology().snapshot->find(backend_id_);
  if (status == nullptr || status->sessions == topology::session_verdict::close_all) return false;
  const bool needs_primary = routing::needs_primary(listener_.options.policy.route);
  if (needs_primary && status->role != topology::role::primary) return false;
  const auto& valid_until = worker_.topology().snapshot->rw_valid_until;
  const bool is_eligible =
      needs_primary ? status->is_rw_eligible && clock::now() <= *valid_until : status->is_answering;
  return is_eligible || !opening_->is_slow;
}

// The first reason counts; the cancelling is repeated, since an operation that has just completed cannot be
// cancelled and the next one may have begun.
void session::request_close(close_reason reason) {
  if (!requested_) requested_ = reason;
  if (flow_ != nullptr) {
    worker_.engine.stop(*flow_);
    return;
  }
  if (!opening_) return;
  opening_->client.cancel();
  opening_->backend.cancel();
  opening_->wait.wake();
}

session::maybe_end session::local_trouble(const error_code& ec) {
  explain("pgsteer is out of resources: " + ec.message());
  return close_reason::local_trouble;
}

}  // namespace pgsteer::session
