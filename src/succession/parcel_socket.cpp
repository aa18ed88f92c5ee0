#include "pgsteer/succession/parcel_socket.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "pgsteer/base/assert.hpp"
#include "pgsteer/succession/errc.hpp"

namespace pgsteer::succession {
namespace {

using header = std::array<std::uint32_t, 3>;  // sizes of text, bytes, descriptors

struct alignas(cmsghdr) control_space {
  std::array<std::uint8_t, CMSG_SPACE(sizeof(int) * parcel_socket::descriptors_max)> bytes{};
};

error_code error_of(int number) noexcept {
  if (number == EPIPE || number == ECONNRESET) return errc::peer_gone;
  return {number, boost::system::system_category()};
}

void attach(msghdr& message, control_space& space, std::span<const int> descriptors) noexcept {
  if (descriptors.empty()) return;
  message.msg_control = space.bytes.data();
  message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
  cmsghdr* const rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
  std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
}

void take_descriptors(msghdr& message, std::vector<net::unique_fd>& into) {
  for (cmsghdr* each = CMSG_FIRSTHDR(&message); each != nullptr; each = CMSG_NXTHDR(&message, each)) {
    if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t at = 0; CMSG_LEN(at + sizeof(int)) <= each->cmsg_len; at += sizeof(int)) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(each) + at, sizeof fd);
      into.emplace_back(fd);
    }
  }
}

mutable_byte_span bytes_of(std::string& text) noexcept {
  return {reinterpret_cast<std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

error_code parcel_socket::wait(short events, time_point deadline) const {
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - clock::now());
    if (left <= milliseconds::zero()) return errc::timed_out;
    pollfd asked{fd_.value(), events, 0};
    const int n = ::poll(&asked, 1, static_cast<int>(std::min<milliseconds>(left, seconds{60}).count()));
    if (n > 0) return {};
    if (n < 0 && errno != EINTR) return error_of(errno);
  }
}

result<void> parcel_socket::send(std::string_view text, byte_span bytes, std::span<const int> descriptors,
                                 time_point deadline) {
  PGSTEER_ASSERT(descriptors.size() <= descriptors_max && text.size() <= text_bytes_max &&
                 bytes.size() <= bytes_max);
  header sizes{static_cast<std::uint32_t>(text.size()), static_cast<std::uint32_t>(bytes.size()),
               static_cast<std::uint32_t>(descriptors.size())};
  // sendmsg(2) does not change what is sent.
  std::array<iovec, 3> parts{{{sizes.data(), sizeof sizes},
                              {const_cast<char*>(text.data()), text.size()},
                              {const_cast<std::uint8_t*>(bytes.data()), bytes.size()}}};
  control_space space;
  msghdr message{};
  attach(message, space, descriptors);  // go with the first byte
  for (std::size_t part = 0; part < parts.size();) {
    message.msg_iov = &parts[part];
    message.msg_iovlen = parts.size() - part;
    const ssize_t n = ::sendmsg(fd_.value(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) return error_of(errno);
      if (const error_code ec = wait(POLLOUT, deadline)) return ec;
      continue;
    }
    message.msg_control = nullptr;
    message.msg_controllen = 0;
    auto sent = static_cast<std::size_t>(n);
    while (part < parts.size() && sent >= parts[part].iov_len) sent -= parts[part++].iov_len;
    if (part == parts.size()) break;
    parts[part].iov_base = static_cast<std::uint8_t*>(parts[part].iov_base) + sent;
    parts[part].iov_len -= sent;
  }
  return {};
}

// Advances into.
error_code parcel_socket::receive_some(mutable_byte_span& into, std::vector<net::unique_fd>& descriptors,
                                       time_point deadline) {
  iovec part{into.data(), into.size()};
  control_space space;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = space.bytes.data();
  message.msg_controllen = space.bytes.size();
  const ssize_t n = ::recvmsg(fd_.value(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (n < 0) {
    if (errno == EINTR) return {};
    if (errno == EAGAIN || errno == EWOULDBLOCK) return wait(POLLIN, deadline);
    return error_of(errno);
  }
  take_descriptors(message, descriptors);
  // More than this process may have open: some were dropped.
  if ((message.msg_flags & MSG_CTRUNC) != 0) return error_of(EMFILE);
  if (n == 0) return errc::peer_gone;
  into = into.subspan(static_cast<std::size_t>(n));
  return {};
}

result<parcel> parcel_socket::receive(time_point deadline) {
  parcel made;
  header sizes{};
  const auto fill = [&](mutable_byte_span into) -> error_code {
    while (!into.empty())
      if (const error_code ec = receive_some(into, made.descriptors, deadline)) return ec;
    return {};
  };
  if (const error_code ec = fill({reinterpret_cast<std::uint8_t*>(sizes.data()), sizeof sizes})) return ec;
  if (sizes[0] > text_bytes_max || sizes[1] > bytes_max || sizes[2] > descriptors_max)
    return errc::not_understood;
  made.text.resize(sizes[0]);
  made.bytes.resize(sizes[1]);
  if (const error_code ec = fill(bytes_of(made.text))) return ec;
  if (const error_code ec = fill(made.bytes)) return ec;
  if (made.descriptors.size() != sizes[2]) return errc::not_understood;
  return made;
}

bool parcel_socket::await(time_point deadline) const {
  return wait(POLLIN, deadline) != errc::timed_out;
}

void parcel_socket::refuse_more() noexcept {
  ::shutdown(fd_.value(), SHUT_RD);
}

}  // namespace pgsteer::succession
