#include "session/session.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include "pgsteer/net/as_result.hpp"
#include "pgsteer/net/socket.hpp"
#include "pgsteer/net/spawn.hpp"
#include "pgsteer/pgwire/errc.hpp"
#include "pgsteer/pgwire/startup_message.hpp"

namespace pgsteer::session {
namespace asio = boost::asio;
namespace {

using net::as_result;
// A StartupMessage is about 100 bytes; a ClientHello is below 2 KiB.
constexpr std::size_t read_bytes = 2 * 1024;
// How long a client that is being refused has to say what it wants, so that it can be told why not.
constexpr auto refusal_timeout = seconds{1};

// The client's socket under Asio; a descriptor that Asio cannot take is an exhausted epoll set.
net::tcp::socket adopt(boost::asio::io_context& context, net::unique_fd fd, const endpoint& peer) {
  net::tcp::socket socket(context);
  const bool is_ipv6 = peer.host.find(':') != std::string::npos;
  error_code ec;
  socket.assign(is_ipv6 ? net::tcp::v6() : net::tcp::v4(), fd.value(), ec);
  if (!ec) [[maybe_unused]]
    const int owned_by_socket = fd.release();
  return socket;
}

}  // namespace

void start_session(worker_context& worker, listener_state& listener, accepted_client client) {
  auto self = std::make_shared<session>(worker, listener, std::move(client));
  net::spawn(worker.context, session::run(std::move(self)), "session");
}

session::session(worker_context& worker, listener_state& listener, accepted_client client)
    : worker_(worker),
      listener_(listener),
      client_address_(std::move(client.address)),
      accepted_at_(client.accepted_at),
      session_permit_(std::move(client.session_permit)),
      refusal_permit_(std::move(client.refusal_permit)),
      opening_(
          std::make_unique<opening>(worker.context, routing::needs_primary(listener.options.policy.route))),
      client_(adopt(worker.context, std::move(client.fd), client_address_)),
      backend_(worker.context),
      ended_(worker.context) {
  if (client.login_permit) opening_->login_permit = std::move(*client.login_permit);
  if (session_permit_ && !client.login_permit) requested_ = close_reason::too_many_logins;
  if (!session_permit_) requested_ = close_reason::too_many_sessions;
  listener_.counters.active.add();
  worker_.enlist(*this);
}

session::~session() {
  worker_.delist(*this);
  listener_.counters.active.subtract();
}

// The life of a session.
asio::awaitable<void> session::run(std::shared_ptr<session> self) {
  maybe_end end = co_await self->open();
  if (!end) end = self->start_relay();
  if (!end) {
    co_await self->log_in();
    self->opening_.reset();
    co_await self->ended_.wait();
    end = self->reason_of(self->summary_);
  }
  self->close(*end);
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
  if (!client_.is_open()) co_return close_reason::local_trouble;
  if (net::configure(client_.native_handle(), worker_.shared.options.tcp))
    co_return close_reason::client_left_early;
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
    const auto [ec, n] = co_await client_.async_read_some(
        asio::buffer(o.received.data() + had, o.received.size() - had), as_result);
    o.received.resize(had + n);
    if (requested_) co_return requested_;
    if (ec) co_return close_reason::client_left_early;
  }
}

// PostgreSQL's verdict on the packet, if the client can read it: one that waits for the one-byte answer to
// its request for encryption cannot.
void session::note_malformed() {
  const pgwire::startup_step& step = opening_->step;
  const auto verdict = pgwire::verdict_of(step.error);
  detail_ = verdict.message;
  const bool awaits_one_byte = step.error == pgwire::errc::unencrypted_data_after_ssl_request ||
                               step.error == pgwire::errc::unencrypted_data_after_gssenc_request;
  if (verdict.is_silent || awaits_one_byte) return;
  detail_ = pgwire::reason_of(step);
  detail_sqlstate_ = verdict.sqlstate;
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
  if (net::peek(client_.native_handle()) == net::pending_input::bytes) {
    detail_ = "received unencrypted data after a request for encryption";
    co_return close_reason::malformed_startup;
  }
  const char reply = static_cast<char>(o.answer.front());
  const auto [ec, n] = co_await asio::async_write(client_, asio::buffer(&reply, 1), as_result);
  if (requested_) co_return requested_;
  if (ec) co_return close_reason::client_left_early;
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
      const char reply = 'N';
      const auto [ec, n] = co_await asio::async_write(client_, asio::buffer(&reply, 1), as_result);
      if (ec || requested_) co_return reason;
      o.awaits_one_byte = false;
      o.negotiation.replied(reply);
      o.received.clear();
      o.step = {};
    }
    const maybe_end failed = co_await read_packet();
    if (failed) co_return reason;
  }
}

session::maybe_end session::start_relay() {
  opening& o = *opening_;
  o.watchdog.disarm();
  // A blocking descriptor would stall every session of the worker.
  error_code ec;
  client_.native_non_blocking(true, ec);
  if (!ec) backend_.native_non_blocking(true, ec);
  if (ec) return local_trouble(ec);
  client_fd_.reset(client_.release(ec));
  backend_fd_.reset(backend_.release(ec));
  relay::flow_start start;
  start.client_fd = client_fd_.value();
  start.backend_fd = backend_fd_.value();
  start.owner = this;
  start.is_watched = !o.is_blind;
  const byte_span behind{o.received.data() + o.step.bytes.size(), o.received.size() - o.step.bytes.size()};
  if (!o.received.empty()) start.to_backend = behind;
  start.to_client = {o.answer.data(), o.answer.size()};
  flow_ = worker_.engine.start(start);
  if (o.is_blind) note_login();          // more of it cannot be seen
  review(*worker_.topology().snapshot);  // what changed since the backend answered
  return std::nullopt;
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
asio::awaitable<void> session::log_in() {
  opening& o = *opening_;
  if (o.is_blind) co_return;
  const time_point deadline = clock::now() + worker_.shared.options.login_timeout;
  while (!ended_.is_set() && !o.is_logged_in) {
    const bool is_woken = co_await o.wait.wait_until(deadline);
    if (is_woken) continue;
    request_close(close_reason::login_timeout);
    co_await ended_.wait();
  }
}

void session::review(const topology::topology_snapshot& snapshot) {
  if (flow_ == nullptr) {
    // A login under way: cut short, it is routed again and the client notices nothing.
    if (!opening_ || !backend_counters_ || is_backend_usable()) return;
    opening_->is_cut = true;
    error_code ignored;
    backend_.cancel(ignored);
    return;
  }
  const topology::backend_status* status = snapshot.find(backend_id_);
  if (status == nullptr || status->sessions == topology::session_verdict::close_all) {
    if (status != nullptr && !requested_)
      detail_ = "terminating connection due to failover: " + status->reason;
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
  error_code ignored;
  client_.cancel(ignored);
  backend_.cancel(ignored);
  if (opening_) opening_->wait.wake();
}

session::maybe_end session::local_trouble(const error_code& ec) {
  detail_ = "pgsteer is out of resources: " + ec.message();
  return close_reason::local_trouble;
}

}  // namespace pgsteer::session
