#pragma once
// watchdog: one moving deadline that calls an action when it passes; the way to bound socket operations.
//
// Not thread-safe; one worker's thread. The action runs from the io_context and must keep nobody alive: the
// owner disarms or destroys the watchdog before what the action touches goes away.
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/base/result.hpp"

namespace pgsteer::net {

class watchdog {
 public:
  explicit watchdog(boost::asio::io_context& context)
      : timer_(context), armed_(std::make_shared<unsigned>(0)) {}
  ~watchdog() { disarm(); }
  watchdog(const watchdog&) = delete;
  watchdog& operator=(const watchdog&) = delete;

  // Replaces an earlier deadline and action.
  void arm(time_point deadline, std::function<void()> action) {
    disarm();
    timer_.expires_at(deadline);
    // A timer that has expired cannot be cancelled any more; the count tells such a late handler that it is
    // stale.
    timer_.async_wait([armed = armed_, count = *armed_, action = std::move(action)](const error_code& ec) {
      if (!ec && *armed == count) action();
    });
  }
  void disarm() {
    ++*armed_;
    timer_.cancel();
  }

 private:
  boost::asio::steady_timer timer_;
  std::shared_ptr<unsigned> armed_;
};

}  // namespace pgsteer::net
