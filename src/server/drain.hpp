#pragma once
// drain: the steps in which a process leaves: not ready any more, then closed to new clients, then without
// sessions.
//
// Knows neither sockets nor sessions: what is to be done is its surroundings'. Control thread.
//
// Flow: begin() -> [grace] -> the listeners close -> sessions are called to leave and do so at their idle
// moment -> [timeout: hurry()] -> on_over, once.
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <functional>

#include "pgsteer/runtime/state.hpp"

namespace pgsteer::server {

class drain {
 public:
  struct surroundings {
    std::function<void(const runtime::operator_orders&)> publish;
    // Has on_closed called on the control thread once nobody can come any more.
    std::function<void(std::function<void()> on_closed)> close_listeners;
    std::function<std::size_t()> session_count;
    std::function<void()> on_over;
  };
  struct times {
    duration grace;    // clients are accepted for so long, though it is not ready any more
    duration timeout;  // from then on, for the sessions
  };
  drain(boost::asio::io_context& control, surroundings around);

  void begin(const times& allowed);
  // Their time is over: who is idle is told, others are cut.
  void hurry();
  [[nodiscard]] bool has_begun() const noexcept { return orders_.drain != runtime::drain_step::none; }

 private:
  void close();
  void look();
  void go_to(runtime::drain_step next);

  const surroundings around_;
  runtime::operator_orders orders_;
  times allowed_{};
  boost::asio::steady_timer timer_;
  bool is_closed_ = false;  // to new clients
  time_point deadline_ = time_point::max();
};

}  // namespace pgsteer::server
