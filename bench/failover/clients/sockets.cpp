#include "clients/sockets.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

namespace pgsteer::bench {

net::unique_fd connect_to(const std::string& ip, std::uint16_t port, int flags) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (::inet_pton(AF_INET, ip.c_str(), &address.sin_addr) != 1) {
    errno = EINVAL;
    return {};
  }
  net::unique_fd made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  if (!made.is_open()) return {};
  const int on = 1;
  ::setsockopt(made.value(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const int status = ::connect(made.value(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  if (status != 0 && errno != EINPROGRESS) {
    const int reason = errno;
    made.reset();
    errno = reason;
  }
  return made;
}

}  // namespace pgsteer::bench
