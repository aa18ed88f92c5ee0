#include "server/acceptor.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>

#include "pgsteer/base/log.hpp"

namespace pgsteer::server {
namespace {

// Connections taken in one go, so that a storm of them leaves the control thread time for probes.
constexpr int accepts_per_turn_max = 64;
// More cannot be waiting: net.core.somaxconn is 4096 by default, and others come meanwhile.
constexpr int accepts_at_end_max = 8192;
// From a client's first packet to its last of the handshake: a round trip.
constexpr auto handshake_time = milliseconds{50};
// After EMFILE and the like; HAProxy pauses 100 ms too.
constexpr auto trouble_pause = milliseconds{100};
// Trouble that comes and goes with every descriptor that is freed is told once in this time.
constexpr auto trouble_log_interval = seconds{10};

}  // namespace

acceptor::acceptor(boost::asio::io_context& context, net::listening_socket socket,
                   session::listener_state& listener, const runtime::state_ptr& state,
                   login::permit_pools& permits, const std::vector<std::unique_ptr<worker>>& workers)
    : socket_(std::move(socket)),
      listener_(&listener),
      state_(state),
      permits_(permits),
      workers_(workers),
      pause_timer_(context) {
  error_code ec;
  const auto bound = socket_.local_endpoint(ec);
  address_ = ec ? state->listener(listener.index).bind : net::to_endpoint(bound);
  if (is_unix_socket(address_)) file_ = net::unix_socket_file(unix_socket_path(address_));
}

void acceptor::stop(bool has_successor, std::function<void()> on_closed) {
  is_stopping_ = true;
  if (is_queue_left_) file_.leave();
  file_.remove();
  if (has_successor || is_queue_left_ || is_unix_socket(address_)) return close(std::move(on_closed));
  net::refuse_handshakes(socket_.native_handle());
  // Those that have begun are over soon, and their clients think themselves connected.
  pause_timer_.expires_after(handshake_time);
  pause_timer_.async_wait([this, told = std::move(on_closed)](const error_code&) { close(told); });
}

void acceptor::finish() {
  if (!socket_.is_open()) return;
  if (!is_queue_left_) accept_all();
  error_code ignored;
  socket_.close(ignored);
}

void acceptor::close(std::function<void()> on_closed) {
  finish();
  pause_timer_.cancel();
  // Behind what is under way.
  boost::asio::post(socket_.get_executor(), [told = std::move(on_closed)] { told(); });
}

void acceptor::accept_all() {
  for (int i = 0; i < accepts_at_end_max && accept_one(); ++i) {
  }
}

void acceptor::configure(const net::tcp_options& options) noexcept {
  if (!is_unix_socket(address_)) (void)net::configure(socket_.native_handle(), options);
}

void acceptor::suspend() {
  is_suspended_ = true;
  pause_timer_.cancel();
  error_code ignored;
  socket_.cancel(ignored);
}

void acceptor::resume() {
  is_suspended_ = false;
  wait();
}

void acceptor::wait() {
  if (!socket_.is_open() || is_suspended_ || is_waiting_) return;
  is_waiting_ = true;
  socket_.async_wait(net::listening_socket::wait_read, [this](const error_code& ec) {
    is_waiting_ = false;
    if (ec == boost::asio::error::operation_aborted) return wait();  // suspended, and perhaps resumed
    if (ec) return pause(ec.value());
    accept_batch();
  });
}

void acceptor::accept_batch() {
  if (!socket_.is_open() || is_suspended_) return;  // while the end of a wait or a pause was on its way
  is_paused_ = false;
  for (int i = 0; i < accepts_per_turn_max; ++i) {
    if (!accept_one()) break;
  }
  if (!is_paused_) wait();
}

bool acceptor::accept_one() {
  net::address address;
  auto size = static_cast<socklen_t>(address.capacity());
  net::unique_fd client(
      ::accept4(socket_.native_handle(), address.data(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!client.is_open()) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
    // The client gave up between its handshake and our accept: accept(2), "Error handling".
    if (errno == ECONNABORTED || errno == EINTR || errno == EPROTO) return true;
    if (!is_stopping_) pause(errno);
    return false;
  }
  address.resize(size);
  hand_over(std::move(client), address);
  return true;
}

void acceptor::pause(int error) {
  const time_point now = clock::now();
  if (!trouble_logged_at_ || now - *trouble_logged_at_ >= trouble_log_interval) {
    const std::string reason = error_code(error, boost::system::system_category()).message();
    log(log_level::error, "cannot accept connections, trying again",
        {{"listener", std::string_view(listener_->counters.name)}, {"error", std::string_view(reason)}});
    trouble_logged_at_ = now;
  }
  is_paused_ = true;
  pause_timer_.expires_after(trouble_pause);
  pause_timer_.async_wait([this](const error_code& ec) {
    if (!ec) accept_batch();
  });
}

void acceptor::hand_over(net::unique_fd client, const net::address& address) {
  listener_->counters.accepted.add();
  session::accepted_client accepted;
  accepted.fd = std::move(client);
  accepted.address = net::to_client(address);
  accepted.accepted_at = clock::now();
  auto admission = login::admit(permits_, state_->options->limits);
  if (!std::holds_alternative<login::admitted>(admission)) listener_->counters.rejected.add();
  if (const auto* shut_out = std::get_if<login::shut_out>(&admission)) {
    listener_->counters.closed[static_cast<std::size_t>(shut_out->reason)].add();
    return;
  }
  if (auto* refused = std::get_if<login::refused>(&admission)) {
    accepted.admission = std::move(*refused);
  } else {
    accepted.admission = std::move(std::get<login::admitted>(admission));
  }
  const auto least = std::min_element(workers_.begin(), workers_.end(), [](const auto& a, const auto& b) {
    return a->session_count() < b->session_count();
  });
  (*least)->take(*listener_, std::move(accepted));
}

}  // namespace pgsteer::server
