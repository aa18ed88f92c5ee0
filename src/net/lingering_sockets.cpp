#include "pgsteer/net/lingering_sockets.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "pgsteer/net/socket.hpp"

namespace pgsteer::net {
namespace {

// False: nothing can come any more.
bool discard_input(int fd) noexcept {
  constexpr std::size_t much = 1U << 20U;
  // MSG_TRUNC: nothing is copied, tcp(7). Bounded: a peer that keeps sending does not keep us.
  for (int i = 0; i < 4; ++i) {
    const ssize_t n = ::recv(fd, nullptr, much, MSG_TRUNC | MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    if (n == 0) return false;
  }
  return true;
}

bool is_done(int fd) noexcept {
  return !discard_input(fd) || unacknowledged(fd) == 0;
}

}  // namespace

void lingering_sockets::add(unique_fd fd, const limit& most) {
  ::shutdown(fd.value(), SHUT_WR);
  if (is_done(fd.value())) return;
  if (sockets_.size() >= most.sockets_max) close_those_done();
  while (sockets_.size() >= most.sockets_max) sockets_.pop_front();
  sockets_.push_back({std::move(fd), most.until});
}

void lingering_sockets::close_those_done() {
  std::erase_if(sockets_, [](const lingering& one) { return is_done(one.fd.value()); });
}

std::optional<duration> lingering_sockets::look(time_point now) {
  std::erase_if(sockets_, [now](const lingering& one) { return now >= one.until; });
  close_those_done();
  if (sockets_.empty()) return std::nullopt;
  return pause;
}

}  // namespace pgsteer::net
