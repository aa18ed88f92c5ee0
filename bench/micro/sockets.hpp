#pragma once
// Pairs of connected, non-blocking sockets for benches that play both peers, and what such a peer does.
//
// A failure ends the program: nothing measured would be true behind it. Free functions; any thread.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <utility>
#include <vector>

#include "pgsteer/net/unique_fd.hpp"

namespace pgsteer::bench {

// ours: for what is measured. theirs: the peer's, which the bench plays.
struct socket_pair {
  net::unique_fd ours;
  net::unique_fd theirs;
};
using pair_maker = socket_pair (*)();

inline void require(bool holds) {
  if (!holds) std::abort();
}

struct listening_socket {
  net::unique_fd fd;  // non-blocking
  std::uint16_t port = 0;
};

inline listening_socket listen_on_loopback() {
  listening_socket made{net::unique_fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0))};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  require(::bind(made.fd.value(), generic, size) == 0 && ::listen(made.fd.value(), 16) == 0);
  require(::getsockname(made.fd.value(), generic, &size) == 0);
  made.port = ntohs(address.sin_port);
  return made;
}

// Not open: nobody has dialed.
inline net::unique_fd accept_one(const listening_socket& listening) {
  return net::unique_fd(::accept4(listening.fd.value(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

inline socket_pair unix_pair() {
  int fds[2] = {-1, -1};
  require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
  return {net::unique_fd(fds[0]), net::unique_fd(fds[1])};
}

inline socket_pair tcp_pair() {
  const listening_socket listening = listen_on_loopback();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(listening.port);
  net::unique_fd theirs(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  require(::connect(theirs.value(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  net::unique_fd ours = accept_one(listening);
  for (const int fd : {ours.value(), theirs.value()}) {
    const int on = 1;
    require(::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
    require(::fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
  }
  return {std::move(ours), std::move(theirs)};
}

// Zeros, in one call that has to take them all.
inline void send_all(int fd, std::size_t bytes) {
  static const std::array<char, 1024> zeros{};
  require(bytes <= zeros.size());
  require(::send(fd, zeros.data(), bytes, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes));
}

inline bool try_receive(int fd, std::size_t bytes) {
  std::array<char, 1024> sink;
  return ::recv(fd, sink.data(), sink.size(), 0) == static_cast<ssize_t>(bytes);
}

constexpr std::size_t bulk_piece_bytes = 256 * 1024;

// Sends zeros until the socket is full or bytes are sent; how many were.
inline std::size_t send_some(int fd, std::size_t bytes) {
  static const std::vector<char> zeros(bulk_piece_bytes);
  std::size_t sent = 0;
  while (sent < bytes) {
    const ssize_t n = ::send(fd, zeros.data(), std::min(bytes - sent, zeros.size()), MSG_NOSIGNAL);
    if (n < 0) {
      require(errno == EAGAIN);
      break;
    }
    sent += static_cast<std::size_t>(n);
  }
  return sent;
}

// Takes what has arrived; how much that was. MSG_TRUNC: TCP throws it away without a copy (tcp(7)), which a
// Unix socket does not.
inline std::size_t discard_some(int fd) {
  static std::vector<char> sink(bulk_piece_bytes);
  std::size_t received = 0;
  for (;;) {
    const ssize_t n = ::recv(fd, sink.data(), sink.size(), MSG_TRUNC);
    if (n < 0) {
      require(errno == EAGAIN);
      return received;
    }
    require(n > 0);
    received += static_cast<std::size_t>(n);
  }
}

}  // namespace pgsteer::bench
