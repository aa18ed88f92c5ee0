#pragma once
// room_watch: tells when sockets that took nothing any more take bytes again; an epoll set for a ring to
// poll.
//
// Not io_uring's own poll or send: those always wait for POLLRDHUP as well (IO_POLL_UNMASK, io_uring/poll.c),
// and so would spin on a destination whose peer has closed its half and does not read. Worker's thread.
//
// Flow: await() -> fd() becomes readable -> take() -> await() again ... -> forget() before the socket closes.
#include <sys/epoll.h>

#include <array>
#include <cerrno>

#include "pgsteer/base/result.hpp"
#include "pgsteer/net/unique_fd.hpp"

namespace pgsteer::relay {

class room_watch {
 public:
  // Taken in one go; what is left keeps fd() readable.
  static constexpr std::size_t events_max = 64;

  explicit room_watch(net::unique_fd set) : set_(std::move(set)) {}
  [[nodiscard]] int fd() const noexcept { return set_.value(); }

  // Once the socket takes bytes, or has failed, take() gives who back, once. Returns an errno or 0.
  [[nodiscard]] int await(int socket, bool& is_known, void* who) noexcept {
    epoll_event interest{};
    interest.events = EPOLLOUT | EPOLLONESHOT;
    interest.data.ptr = who;
    if (::epoll_ctl(set_.value(), is_known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, socket, &interest) != 0)
      return errno;
    is_known = true;
    return 0;
  }
  void forget(int socket, bool& is_known) noexcept {
    if (is_known) (void)::epoll_ctl(set_.value(), EPOLL_CTL_DEL, socket, nullptr);
    is_known = false;
  }

  // handle(void* who) for each socket that has room.
  template <class Handler>
  void take(Handler handle) {
    std::array<epoll_event, events_max> events;
    const int n = ::epoll_wait(set_.value(), events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < n; ++i) handle(events[static_cast<std::size_t>(i)].data.ptr);
  }

 private:
  net::unique_fd set_;
};

}  // namespace pgsteer::relay
