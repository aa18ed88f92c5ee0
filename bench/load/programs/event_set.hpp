#pragma once
// A level-triggered epoll set of objects, and a few socket calls. Not thread-safe; owns no socket.
#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "pgsteer/net/unique_fd.hpp"

namespace pgsteer::bench {

class event_set {
 public:
  event_set();
  // who comes back in the events; whoever is destroyed must have closed its socket.
  void add(int fd, void* who, std::uint32_t events) const;
  void change(int fd, void* who, std::uint32_t events) const;
  // timeout in ms, -1 for none. The view is valid until the next wait.
  [[nodiscard]] std::span<epoll_event> wait(int timeout);

 private:
  net::unique_fd set_;
  std::array<epoll_event, 512> events_{};
};

// A message and errno's text on standard error, and the end: a load that is not what it claims is worthless.
[[noreturn]] void give_up(const std::string& what);

[[nodiscard]] net::unique_fd listen_on(const std::string& ip, std::uint16_t port);
[[nodiscard]] net::unique_fd dial(const std::string& ip, std::uint16_t port);
void set_no_delay(int fd);

}  // namespace pgsteer::bench
