#pragma once
// http_server: accepts on one listening socket, TCP or Unix, and runs an http_session for each connection.
//
// Knows no page: what is asked goes to its responder. Control thread; kept alive by its own coroutines.
//
// Flow: make_shared -> start(socket) -> serve() -> stop(): the responder is not called any more.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <set>
#include <string_view>

#include "admin/http_session.hpp"

namespace pgsteer::admin {

class http_server : public std::enable_shared_from_this<http_server> {
 public:
  using acceptor = boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol>;

  // name: a literal, for the log.
  http_server(boost::asio::io_context& context, std::string_view name, std::unique_ptr<responder> pages,
              const admin_limits& limits);

  // Whoever comes waits until serve().
  void start(acceptor listening);
  void serve();
  // Accepts nobody any more; who is connected is answered.
  void retire();
  [[nodiscard]] bool is_retired() const noexcept { return is_retired_; }
  // Closes every connection too. Both are idempotent.
  void stop();
  [[nodiscard]] std::size_t connection_count() const noexcept { return sessions_.size(); }
  // Listens; -1 before start().
  [[nodiscard]] int socket() noexcept { return acceptor_ ? acceptor_->native_handle() : -1; }

 private:
  using session_ptr = std::shared_ptr<http_session>;
  using stream_socket = boost::asio::generic::stream_protocol::socket;

  static boost::asio::awaitable<void> accept(std::shared_ptr<http_server> self);
  static boost::asio::awaitable<void> run(std::shared_ptr<http_server> self, session_ptr session);
  void admit(stream_socket socket);

  boost::asio::io_context& context_;
  const std::string_view name_;
  const std::unique_ptr<responder> pages_;
  const admin_limits limits_;
  std::optional<acceptor> acceptor_;
  boost::asio::steady_timer retry_;
  std::set<session_ptr> sessions_;
  bool is_retired_ = false;
  bool is_stopped_ = false;
};

}  // namespace pgsteer::admin
