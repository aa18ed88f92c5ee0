#pragma once
// context_poll: an io_context as one of the things that another loop waits for, instead of the loop itself.
//
// io_context::run() waits in an epoll set of its own, which Asio shows to nobody. A relay that is to pay for
// one wait a wake-up has to wait for its own sockets and for that set at once. Used from the thread that runs
// the context's handlers, but for wake().
//
// Flow: when fd() is readable, or a handler may have been posted from this thread -> run_ready(), again while
// it says so -> wait for fd().
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <memory>

#include "pgsteer/base/result.hpp"

namespace pgsteer::net {

class context_poll {
 public:
  // Handlers run in one go, so that a storm of logins leaves the relay its turns.
  static constexpr int handlers_max = 64;

  // Destroy it before the context. Errors: of eventfd(2), and of registering it; EMFILE if the context was
  // made without a timer.
  [[nodiscard]] static result<std::unique_ptr<context_poll>> make(boost::asio::io_context& context);
  context_poll(boost::asio::io_context& context, boost::asio::posix::stream_descriptor woken);

  // Readable, level-triggered, while handlers of sockets, timers or wake() wait to be run. Owned by the
  // context.
  [[nodiscard]] int fd() const noexcept { return fd_; }
  // True: there may be more.
  bool run_ready();
  // Any thread: what it has posted to the context before is run soon, even if fd() is being waited for.
  void wake() noexcept;

 private:
  void await_wake();

  boost::asio::io_context& context_;
  const int fd_;
  boost::asio::posix::stream_descriptor woken_;  // an eventfd
  std::uint64_t count_ = 0;                      // read from it
  std::atomic<bool> is_woken_ = false;           // it is, or is about to be, readable
};

}  // namespace pgsteer::net
