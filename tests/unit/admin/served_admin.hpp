#pragma once
// An admin_server on a free loopback port and its own thread, and a blocking client that speaks raw bytes.
//
// Flow: served_admin admin(limits) -> raw_client to(admin.port()) ... -> destructor stops and joins.
#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "support/io_thread.hpp"
#include "unit/admin/sample.hpp"

namespace pgsteer::admin {

class served_admin {
 public:
  explicit served_admin(admin_limits limits = {})
      : server_(std::in_place, thread_.context(), admin_options{{"127.0.0.1", 0}}, provider_of(state_),
                limits) {
    on_thread([this] {
      const auto bound = server_->start();
      server_->serve();
      EXPECT_TRUE(bound.has_value());
      port_ = bound ? bound->port : std::uint16_t{0};
    });
  }
  ~served_admin() {
    on_thread([this] { server_.reset(); });  // and then it hangs if a connection outlives the server
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }

  // Runs action on the server's thread and waits for it.
  template <class Action>
  void on_thread(Action action) {
    thread_.call(std::move(action));
  }
  template <class Change>
  void change(Change change) {
    on_thread([&] { change(state_); });
  }
  void stop() {
    on_thread([this] { server_->stop(); });
  }
  [[nodiscard]] int calls() {
    int calls = 0;
    change([&](sample_state& state) { calls = state.calls; });
    return calls;
  }

 private:
  sample_state state_;
  test::io_thread thread_;
  std::optional<admin_server> server_;
  std::uint16_t port_ = 0;
};

class raw_client {
 public:
  explicit raw_client(std::uint16_t port) {
    socket_.connect({boost::asio::ip::address_v4::loopback(), port});
    socket_.set_option(boost::asio::ip::tcp::no_delay(true));  // a request in two parts is sent as two
  }

  // False if the server has closed; mostly left for the read that follows to find out.
  bool send(std::string_view bytes) {
    error_code ec;
    boost::asio::write(socket_, boost::asio::buffer(bytes), ec);
    return !ec;
  }
  void send_request(const std::string& method, const std::string& target, const std::string& fields = "") {
    send(method + " " + target + " HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n");
  }

  using answer = boost::beast::http::response<boost::beast::http::string_body>;
  // The next answer; one with status 0 if there is none.
  [[nodiscard]] answer receive(bool is_head = false) {
    boost::beast::http::response_parser<boost::beast::http::string_body> parser;
    parser.skip(is_head);
    error_code ec;
    boost::beast::http::read(socket_, buffer_, parser, ec);
    if (ec) {
      answer none;
      none.result(0U);
      return none;
    }
    return parser.release();
  }
  // True once the server has closed and sent nothing more.
  [[nodiscard]] bool is_ended() {
    if (buffer_.size() > 0) return false;
    char byte = 0;
    error_code ec;
    return boost::asio::read(socket_, boost::asio::buffer(&byte, 1), ec) == 0;
  }

 private:
  boost::asio::io_context context_;
  boost::asio::ip::tcp::socket socket_{context_};
  boost::beast::flat_buffer buffer_;
};

}  // namespace pgsteer::admin
