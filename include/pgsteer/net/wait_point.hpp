#pragma once
// wait_point: a coroutine sleeps here until somebody wakes it or a deadline passes.
//
// Not thread-safe; one worker's thread. One waiter at a time; a wake that comes first is not lost.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "pgsteer/base/clock.hpp"

namespace pgsteer::net {

class wait_point {
 public:
  explicit wait_point(boost::asio::io_context& context) : timer_(context) {}

  void wake() {
    is_woken_ = true;
    timer_.cancel();
  }

  // True if woken, false if the deadline passed first.
  [[nodiscard]] boost::asio::awaitable<bool> wait_until(time_point deadline);

 private:
  boost::asio::steady_timer timer_;
  bool is_woken_ = false;
};

}  // namespace pgsteer::net
