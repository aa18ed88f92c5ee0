#pragma once
// api_connection: one TLS connection to the Kubernetes API, and the requests on it, one after the other.
//
// HTTP/1.1 and keep-alive; a body is handed over as it comes. Decides nothing and reads no JSON. Every wait
// has a deadline but that for a host name: the resolver has its own. Control thread; owned by resource_watch.
//
// Flow: open() -> ask() -> read() until the end -> ask() again if is_reusable(). close() at any time makes
// what is under way fail soon.
#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "discovery/api_access.hpp"
#include "discovery/api_plan.hpp"
#include "pgsteer/base/clock.hpp"

namespace pgsteer::discovery {

// How long an API server may take. What takes longer is tried again on a new connection.
struct api_timing {
  duration connect_timeout = seconds{5};  // once the name is resolved
  duration tls_timeout = seconds{5};
  // A server that is busy lets requests wait their turn; a watch's header comes at once.
  duration header_timeout = seconds{15};
  duration page_timeout = seconds{60};  // one page of a list, from its request to its end
  // Bookmarks come each 60 s, the first one after 60 s: a watch without a byte for longer hangs, such as one
  // whose server is frozen, or shutting down and holding it open.
  duration silence_max = seconds{75};
  // timeoutSeconds; up to twice that, so that not every watch of a cluster ends at once.
  seconds watch_time{300};
};

// How a request failed, in words for the log.
struct api_failure {
  api_ending end = api_ending::complete;
  std::string text;
  std::optional<duration> retry_after = {};

  [[nodiscard]] bool is_one() const noexcept { return end != api_ending::complete; }
};

class api_connection {
 public:
  // What is read at once, and so handled in one turn of the io_context: a record of TLS.
  static constexpr std::size_t piece_bytes_max = 16 * 1024;

  api_connection(boost::asio::io_context& context, const api_timing& timing);

  // Resolves, connects, and checks the server's certificate and name.
  [[nodiscard]] boost::asio::awaitable<api_failure> open(api_identity to);
  // Sends GET target and reads the answer's header.
  [[nodiscard]] boost::asio::awaitable<api_failure> ask(std::string target, std::string token);
  [[nodiscard]] int status() const;
  [[nodiscard]] std::optional<duration> retry_after() const;

  struct piece {
    api_failure failure;
    std::string_view bytes;  // valid until the next call; empty: the body has ended
  };
  [[nodiscard]] boost::asio::awaitable<piece> read(time_point deadline);

  // The last answer was read to its end, and the server keeps the connection.
  [[nodiscard]] bool is_reusable() const;
  void close();

 private:
  using stream = boost::asio::ssl::stream<boost::beast::tcp_stream>;
  [[nodiscard]] boost::asio::awaitable<api_failure> connect(endpoint to);
  [[nodiscard]] boost::asio::awaitable<api_failure> shake_hands(api_identity to);
  [[nodiscard]] bool take_received(piece& next);
  [[nodiscard]] boost::beast::tcp_stream& transport() { return stream_->next_layer(); }

  boost::asio::io_context& context_;
  const api_timing timing_;
  boost::asio::ip::tcp::resolver resolver_;
  boost::asio::ssl::context tls_;
  std::optional<stream> stream_;
  std::string host_;  // header of each request
  boost::beast::flat_buffer buffer_;
  std::optional<boost::beast::http::response_parser<boost::beast::http::buffer_body>> parser_;
  std::array<char, piece_bytes_max> piece_{};
  bool is_closed_ = false;
};

}  // namespace pgsteer::discovery
