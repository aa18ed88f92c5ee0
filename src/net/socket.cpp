#include "pgsteer/net/socket.hpp"

#include <linux/filter.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <cerrno>
#include <iterator>
#include <vector>

#include "net/last_error.hpp"
#include "pgsteer/net/unix_socket.hpp"

namespace pgsteer::net {
namespace {

// Connections that completed their handshake and wait for accept; the kernel caps it at net.core.somaxconn.
constexpr int backlog = 4096;

error_code set_option(int fd, int level, int name, int value) noexcept {
  if (::setsockopt(fd, level, name, &value, sizeof value) == 0) return {};
  return last_error();
}

// While both share their port: any further process of this user could listen there too.
void share_port(int fd, bool is_shared) noexcept {
  (void)set_option(fd, SOL_SOCKET, SO_REUSEPORT, is_shared ? 1 : 0);
}

std::uint16_t port_of(int fd) {
  const auto bound = local_address(fd);
  return bound && !is_unix(*bound) ? to_endpoint(*bound).port : std::uint16_t{0};
}

enum class sharing { no, yes };

result<listening_socket> try_to_listen(boost::asio::io_context& context, const address& at, sharing port) {
  listening_socket acceptor(context);
  error_code ec;
  acceptor.open(at.protocol(), ec);
  if (!ec) acceptor.set_option(listening_socket::reuse_address(true), ec);
  // "[::]" serves IPv4 as well, as PostgreSQL's listen_addresses = '*' does.
  if (!ec && at.protocol().family() == AF_INET6) acceptor.set_option(boost::asio::ip::v6_only(false), ec);
  if (!ec && port == sharing::yes) share_port(acceptor.native_handle(), true);
  if (!ec) acceptor.bind(at, ec);
  if (!ec) acceptor.listen(backlog, ec);
  if (!ec) acceptor.non_blocking(true, ec);
  if (ec) return ec;
  return acceptor;
}

}  // namespace

error_code configure(int fd, const tcp_options& options) noexcept {
  if (const auto ec = set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1)) return ec;
  if (const auto ec = set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1)) return ec;
  if (const auto ec =
          set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(options.keepalive_idle.count())))
    return ec;
  if (const auto ec =
          set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(options.keepalive_interval.count())))
    return ec;
  if (const auto ec = set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, options.keepalive_count)) return ec;
  return set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(options.user_timeout.count()));
}

result<unique_fd> make_socket(const address& of, const tcp_options& options) noexcept {
  unique_fd made(::socket(of.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!made.is_open()) return last_error();
  if (is_unix(of)) return made;
  if (const error_code ec = configure(made.value(), options)) return ec;
  return made;
}

error_code connect(int fd, const address& to) noexcept {
  const auto size = static_cast<socklen_t>(to.size());
  if (::connect(fd, to.data(), size) == 0) return {};
  if (errno == EINPROGRESS && ::connect(fd, to.data(), size) == 0) return {};
  if (errno == EISCONN) return {};
  if (errno == EALREADY)
    return boost::system::errc::make_error_code(boost::system::errc::operation_in_progress);
  return last_error();
}

result<listening_socket> listen(boost::asio::io_context& context, const endpoint& bind,
                                std::span<const int> successor_of) {
  const auto at = to_address(bind);
  if (!at) return at.error();
  if (is_unix(*at)) return listen_unix(context, unix_socket_path(bind), unix_socket_access::everybody);
  auto made = try_to_listen(context, *at, sharing::no);
  if (made || made.error() != boost::asio::error::address_in_use) return made;
  std::vector<int> before;
  std::ranges::copy_if(successor_of, std::back_inserter(before),
                       [&](int fd) { return port_of(fd) == bind.port; });
  if (before.empty()) return made;
  for (const int fd : before) share_port(fd, true);
  made = try_to_listen(context, *at, sharing::yes);
  for (const int fd : before) share_port(fd, false);
  if (made) share_port(made->native_handle(), false);
  return made;
}

result<listening_socket> adopt_listening(boost::asio::io_context& context, unique_fd listening) {
  const auto bound = local_address(listening.value());
  if (!bound) return bound.error();
  listening_socket adopted(context);
  error_code ec;
  adopted.assign(bound->protocol(), listening.value(), ec);
  if (ec) return ec;
  (void)listening.release();
  adopted.non_blocking(true, ec);
  if (ec) return ec;
  return adopted;
}

void refuse_handshakes(int fd) noexcept {
  // The filter sees a segment from its TCP header on, whose 14th byte holds the flags: RFC 9293, 3.1.
  constexpr std::uint32_t syn = 0x02;
  std::array<sock_filter, 4> drop_syn{{BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
                                       BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, syn, 0, 1),
                                       BPF_STMT(BPF_RET | BPF_K, 0), BPF_STMT(BPF_RET | BPF_K, 0xffffffffU)}};
  const sock_fprog program{drop_syn.size(), drop_syn.data()};
  (void)::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

bool is_local_trouble(const error_code& ec) noexcept {
  if (ec.category() != boost::system::system_category() && ec.category() != boost::system::generic_category())
    return false;
  const int value = ec.value();
  return value == EMFILE || value == ENFILE || value == ENOBUFS || value == ENOMEM || value == ENOSPC ||
         value == EADDRNOTAVAIL;
}

peer_state state_of_peer(int fd) noexcept {
  pollfd asked{fd, POLLRDHUP, 0};
  if (::poll(&asked, 1, 0) != 1) return peer_state::present;
  if ((asked.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) return peer_state::gone;
  return (asked.revents & POLLRDHUP) != 0 ? peer_state::ended : peer_state::present;
}

void reset_on_close(int fd) noexcept {
  const linger reset{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

pending_input peek(int fd) noexcept {
  char byte = 0;
  const ssize_t n = ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (n > 0) return pending_input::bytes;
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return pending_input::nothing;
  return pending_input::end_or_error;
}

void send_best_effort(int fd, byte_span bytes) noexcept {
  // A short send means the peer does not read; it will see the close instead.
  [[maybe_unused]] const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

std::size_t unacknowledged(int fd) noexcept {
  int bytes = 0;
  return ::ioctl(fd, SIOCOUTQ, &bytes) == 0 ? static_cast<std::size_t>(bytes) : 0;
}

std::size_t unsent(int fd) noexcept {
  int bytes = 0;
  return ::ioctl(fd, SIOCOUTQNSD, &bytes) == 0 ? static_cast<std::size_t>(bytes) : 0;
}

}  // namespace pgsteer::net
