#include "programs/event_set.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace pgsteer::bench {
namespace {

// A burst of 512 sessions at once must not be dropped; the kernel lowers it to net.core.somaxconn.
constexpr int backlog = 4096;

sockaddr_in address_of(const std::string& ip, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (::inet_pton(AF_INET, ip.c_str(), &address.sin_addr) != 1) give_up("no IPv4 address: " + ip);
  return address;
}

net::unique_fd tcp_socket() {
  net::unique_fd made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made.is_open()) give_up("socket");
  return made;
}

}  // namespace

void give_up(const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

event_set::event_set() : set_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!set_.is_open()) give_up("epoll_create1");
}

void event_set::add(int fd, void* who, std::uint32_t events) const {
  epoll_event wanted{events, {.ptr = who}};
  if (::epoll_ctl(set_.value(), EPOLL_CTL_ADD, fd, &wanted) != 0) give_up("epoll_ctl");
}

void event_set::change(int fd, void* who, std::uint32_t events) const {
  epoll_event wanted{events, {.ptr = who}};
  if (::epoll_ctl(set_.value(), EPOLL_CTL_MOD, fd, &wanted) != 0) give_up("epoll_ctl");
}

std::span<epoll_event> event_set::wait(int timeout) {
  const int ready = ::epoll_wait(set_.value(), events_.data(), static_cast<int>(events_.size()), timeout);
  if (ready < 0 && errno != EINTR) give_up("epoll_wait");
  return {events_.data(), static_cast<std::size_t>(ready < 0 ? 0 : ready)};
}

void set_no_delay(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

net::unique_fd listen_on(const std::string& ip, std::uint16_t port) {
  net::unique_fd made = tcp_socket();
  const int on = 1;
  ::setsockopt(made.value(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in address = address_of(ip, port);
  if (::bind(made.value(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(made.value(), backlog) != 0)
    give_up("cannot listen on " + ip + ":" + std::to_string(port));
  return made;
}

net::unique_fd dial(const std::string& ip, std::uint16_t port) {
  net::unique_fd made = tcp_socket();
  set_no_delay(made.value());
  const sockaddr_in address = address_of(ip, port);
  const int status = ::connect(made.value(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  if (status != 0 && errno != EINPROGRESS) give_up("cannot connect to " + ip + ":" + std::to_string(port));
  return made;
}

}  // namespace pgsteer::bench
