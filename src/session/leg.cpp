#include "session/leg.hpp"

#include <boost/asio/error.hpp>

#include "pgsteer/net/socket.hpp"
#include "pgsteer/relay/socket_io.hpp"

namespace pgsteer::session {

void leg::take(net::unique_fd fd) {
  close();
  change_socket();
  fd_ = std::move(fd);
}

net::unique_fd leg::release() {
  cancel();
  return std::move(fd_);
}

error_code leg::open(const net::address& address, const net::tcp_options& options) {
  auto made = net::make_socket(address, options);
  if (!made) return made.error();
  take(std::move(*made));
  address_ = address;
  return {};
}

leg::outcome leg::begin(const operation& what) {
  operation now = what;  // which may be the one under way
  cancel();
  if (!now.comes_later) {
    const outcome done = attempt(now);
    if (!done.is_under_way) return done;
  }
  const bool is_for_writing = now.what == operation::kind::writing || now.what == operation::kind::connecting;
  const auto readiness = is_for_writing ? relay::readiness::writable : relay::readiness::readable;
  if (const auto begun = engine_.wait(*this, fd_.value(), readiness); !begun) return {.ec = begun.error()};
  now.comes_later = false;
  under_way_ = now;
  return {.is_under_way = true};
}

leg::outcome leg::attempt(const operation& what) noexcept {
  switch (what.what) {
    case operation::kind::none:
    case operation::kind::watching:
      return {};
    case operation::kind::connecting: {
      const error_code ec = net::connect(fd_.value(), address_);
      if (ec == boost::system::errc::operation_in_progress) return {.is_under_way = true};
      return {.ec = ec};
    }
    case operation::kind::reading:
    case operation::kind::writing:
      break;
  }
  const bool is_reading = what.what == operation::kind::reading;
  const relay::io_outcome done =
      is_reading ? relay::read_some(fd_.value(), what.into) : relay::write_some(fd_.value(), what.bytes);
  if (done.n > 0) return {.n = done.n};
  if (done.has_failed()) return {.ec = relay::to_error_code(done.error)};
  if (is_reading && done.error == 0) return {.ec = boost::asio::error::eof};
  return {.is_under_way = true};
}

login::client_seen leg::look() const noexcept {
  const net::pending_input input = net::peek(fd_.value());
  if (input == net::pending_input::nothing) return {};  // no end either, which would be there to read
  const bool has_input = input == net::pending_input::bytes;
  switch (net::state_of_peer(fd_.value())) {
    case net::peer_state::present:
      return {login::client_presence::present, has_input};
    case net::peer_state::ended:
      return {login::client_presence::ended, has_input};
    case net::peer_state::gone:
      break;
  }
  return {login::client_presence::gone, has_input};
}

void leg::say_last(byte_span bytes) noexcept {
  if (is_open()) net::send_best_effort(fd_.value(), bytes);
}

void leg::cancel() noexcept {
  ++count_;
  under_way_ = {};
  if (is_waiting()) engine_.forget(*this);
}

void leg::close() noexcept {
  cancel();
  fd_.reset();
}

}  // namespace pgsteer::session
