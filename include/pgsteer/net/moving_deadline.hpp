#pragma once
// moving_deadline: one deadline that moves often and seldom passes; calls the same action when it does.
//
// Not thread-safe; one worker's thread. While it moves back, its timer is left alone: most deadlines of a
// login never come, and setting a timer costs. The action runs from the io_context, not after the deadline is
// gone.
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <utility>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/base/result.hpp"

namespace pgsteer::net {

class moving_deadline {
 public:
  moving_deadline(boost::asio::io_context& context, std::function<void()> action)
      : timer_(context), self_(std::make_shared<moving_deadline*>(this)), action_(std::move(action)) {}
  ~moving_deadline() { *self_ = nullptr; }
  moving_deadline(const moving_deadline&) = delete;
  moving_deadline& operator=(const moving_deadline&) = delete;

  // time_point::max(): none.
  void set(time_point deadline) {
    deadline_ = deadline;
    if (deadline >= timer_is_set_for_) return;
    timer_is_set_for_ = deadline;
    timer_.expires_at(deadline);
    timer_.async_wait([self = self_](const error_code& ec) {
      if (!ec && *self != nullptr) (*self)->look();
    });
  }

 private:
  void look() {
    timer_is_set_for_ = time_point::max();
    if (clock::now() < deadline_) return set(deadline_);
    deadline_ = time_point::max();
    const auto action = action_;  // which may end the deadline itself
    action();
  }

  boost::asio::steady_timer timer_;
  std::shared_ptr<moving_deadline*> self_;  // nullptr once it is gone
  std::function<void()> action_;
  time_point deadline_ = time_point::max();
  time_point timer_is_set_for_ = time_point::max();
};

}  // namespace pgsteer::net
