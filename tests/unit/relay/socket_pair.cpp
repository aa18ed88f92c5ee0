#include "unit/relay/socket_pair.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <vector>

#include "support/eventually.hpp"

namespace pgsteer::relay::testing {
namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::perror(what);
  std::abort();
}

void make_non_blocking(int fd) {
  require(::fcntl(fd, F_SETFL, O_NONBLOCK) == 0, "fcntl");
}

socket_pair make_tcp_pair() {
  const net::unique_fd listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  require(::bind(listening.value(), generic, size) == 0, "bind");
  require(::listen(listening.value(), 1) == 0, "listen");
  require(::getsockname(listening.value(), generic, &size) == 0, "getsockname");
  net::unique_fd theirs(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  require(::connect(theirs.value(), generic, size) == 0, "connect");
  net::unique_fd ours(::accept4(listening.value(), nullptr, nullptr, SOCK_CLOEXEC));
  require(ours.is_open(), "accept");
  for (const int fd : {ours.value(), theirs.value()}) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  return {std::move(ours), std::move(theirs)};
}

socket_pair make_unix_pair() {
  int fds[2] = {-1, -1};
  require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0, "socketpair");
  return {net::unique_fd(fds[0]), net::unique_fd(fds[1])};
}

ssize_t peek(const net::unique_fd& from) {
  char byte = 0;
  return ::recv(from.value(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
}

}  // namespace

socket_pair make_pair_of(socket_kind kind) {
  socket_pair made = kind == socket_kind::tcp ? make_tcp_pair() : make_unix_pair();
  make_non_blocking(made.ours.value());
  make_non_blocking(made.theirs.value());
  return made;
}

std::size_t send_some(const net::unique_fd& to, std::string_view bytes) {
  const ssize_t n = ::send(to.value(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n < 0) {
    EXPECT_EQ(errno, EAGAIN) << std::strerror(errno);
    return 0;
  }
  return static_cast<std::size_t>(n);
}

std::string read_available(const net::unique_fd& from, std::size_t limit) {
  std::string all;
  thread_local std::array<char, 64 * 1024> part;  // not cleared for each call, of which there are many
  while (all.size() < limit) {
    const ssize_t n =
        ::recv(from.value(), part.data(), std::min(part.size(), limit - all.size()), MSG_DONTWAIT);
    if (n <= 0) break;
    all.append(part.data(), static_cast<std::size_t>(n));
  }
  return all;
}

bool is_at_end(const net::unique_fd& from) {
  return peek(from) == 0;
}

bool wait_for_end(const net::unique_fd& from) {
  return test::eventually(test::patience, [&] { return is_at_end(from) || has_failed(from); });
}

bool has_failed(const net::unique_fd& from) {
  return peek(from) < 0 && errno != EAGAIN;
}

void shut_down_writing(const net::unique_fd& fd) {
  EXPECT_EQ(::shutdown(fd.value(), SHUT_WR), 0);
}

void reset(net::unique_fd& fd) {
  const linger now{1, 0};
  EXPECT_EQ(::setsockopt(fd.value(), SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
  fd.reset();
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator listed("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(listed), end(listed)));
}

std::size_t open_pipes() {
  std::vector<std::string> ends;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code is_gone;  // the iterator's own
    std::string target = std::filesystem::read_symlink(entry.path(), is_gone);
    if (target.starts_with("pipe:")) ends.push_back(std::move(target));
  }
  std::sort(ends.begin(), ends.end());
  std::size_t pairs = 0;
  for (std::size_t i = 1; i < ends.size(); ++i) pairs += ends[i] == ends[i - 1] ? 1 : 0;
  return pairs;
}

}  // namespace pgsteer::relay::testing
