#include "pgsteer/relay/socket_io.hpp"

#include <sys/socket.h>

#include <cerrno>

namespace pgsteer::relay {
namespace {

io_outcome send_some(int fd, byte_span bytes, int flags) noexcept {
  for (;;) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL | flags);
    if (n >= 0) return {static_cast<std::size_t>(n), 0};
    if (errno != EINTR) return {0, errno};
  }
}

}  // namespace

bool io_outcome::would_block() const noexcept {
  return error == EAGAIN;
}

io_outcome read_some(int fd, mutable_byte_span into) noexcept {
  for (;;) {
    const ssize_t n = ::recv(fd, into.data(), into.size(), MSG_DONTWAIT);
    if (n >= 0) return {static_cast<std::size_t>(n), 0};
    if (errno != EINTR) return {0, errno};
  }
}

io_outcome write_some(int fd, byte_span bytes) noexcept {
  return send_some(fd, bytes, 0);
}

io_outcome write_some_before_end(int fd, byte_span bytes) noexcept {
  return send_some(fd, bytes, MSG_MORE);
}

int shut_down_writing(int fd) noexcept {
  return ::shutdown(fd, SHUT_WR) == 0 ? 0 : errno;
}

int reason_of_failure(int fd) noexcept {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error != 0 ? error : ECONNRESET;
}

error_code to_error_code(int error) noexcept {
  return {error, boost::system::system_category()};
}

}  // namespace pgsteer::relay
