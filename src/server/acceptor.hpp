#pragma once
// acceptor: takes connections off one listener and gives each to the worker with the fewest sessions.
//
// Reads nothing from them. Lives on the thread of its context: the control thread's, or the worker's where
// there is only one to choose from and a connection need not change threads.
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "pgsteer/net/socket.hpp"
#include "pgsteer/net/unix_socket.hpp"
#include "server/worker.hpp"

namespace pgsteer::server {

class acceptor {
 public:
  // state: the present one, always, on the thread of the context.
  acceptor(boost::asio::io_context& context, net::listening_socket socket, session::listener_state& listener,
           const runtime::state_ptr& state, login::permit_pools& permits,
           const std::vector<std::unique_ptr<worker>>& workers);

  void start() { wait(); }
  // When it stops, whoever waits in the socket's queue stays there: the socket is kept open, for whoever
  // comes after this process.
  void leave_queue() noexcept { is_queue_left_ = true; }
  [[nodiscard]] bool is_queue_left() const noexcept { return is_queue_left_; }
  // Accepts whoever is waiting or about to, and nobody any more; on_closed is called on its thread after
  // that, when nothing of it is under way and it may be destroyed. has_successor: another socket listens on
  // the port, which new clients are to find.
  void stop(bool has_successor, std::function<void()> on_closed);
  // Of one that stops: its port is wanted now. on_closed is called as before.
  void finish();
  // Accepts nobody for now: whoever comes waits in the socket's queue, for this or another process.
  void suspend();
  void resume();
  // Whose clients come from now on, those that wait to be accepted too.
  void serve(session::listener_state& listener) noexcept { listener_ = &listener; }
  // What accepted TCP sockets inherit.
  void configure(const net::tcp_options& options) noexcept;
  [[nodiscard]] int socket() noexcept { return socket_.native_handle(); }
  [[nodiscard]] const std::string& listener_name() const noexcept { return listener_->counters.name; }
  [[nodiscard]] endpoint address() const { return address_; }

 private:
  void wait();
  void accept_batch();
  // True if it took one, false if there is none or none can be taken now.
  [[nodiscard]] bool accept_one();
  void accept_all();
  void close(std::function<void()> on_closed);
  void pause(int error);
  void hand_over(net::unique_fd client, const net::address& address);

  net::listening_socket socket_;
  session::listener_state* listener_;
  const runtime::state_ptr& state_;
  login::permit_pools& permits_;
  const std::vector<std::unique_ptr<worker>>& workers_;
  boost::asio::steady_timer pause_timer_;
  endpoint address_;
  net::unix_socket_file file_;
  bool is_paused_ = false;
  bool is_waiting_ = false;
  bool is_suspended_ = false;
  bool is_stopping_ = false;
  bool is_queue_left_ = false;
  std::optional<time_point> trouble_logged_at_;
};

}  // namespace pgsteer::server
