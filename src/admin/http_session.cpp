#include "admin/http_session.hpp"

#include <algorithm>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/write.hpp>

#include "pgsteer/net/as_result.hpp"

namespace pgsteer::admin {
namespace {

namespace asio = boost::asio;
using net::as_result;

// What to say to bytes that are no request of ours; nothing if there is nobody left to talk to.
std::optional<response> refusal_of(const error_code& ec) {
  if (ec == http::error::header_limit || ec == http::error::buffer_overflow) {
    return refuse(http::status::request_header_fields_too_large, "the request header is too large");
  }
  if (ec == http::error::body_limit) {
    return refuse(http::status::payload_too_large, "the request body is too large");
  }
  const bool has_ended = ec == http::error::end_of_stream || ec == http::error::partial_message;
  if (has_ended || ec.category() != http::make_error_code(http::error::bad_method).category()) {
    return std::nullopt;
  }
  return refuse(http::status::bad_request, "not an HTTP/1.1 request: " + ec.message());
}

// The refusal of a well-formed header that asks for more than pages; nothing for all others.
std::optional<response> refusal_of(const http::request_parser<http::string_body>& parser) {
  const request& asked = parser.get();
  // RFC 9112, 3.2: a server must answer 400 to any other number of Host fields in HTTP/1.1.
  if (asked.version() == 11 && asked.count(http::field::host) != 1) {
    return refuse(http::status::bad_request, "an HTTP/1.1 request has exactly one Host field");
  }
  const bool is_read = asked.method() == http::verb::get || asked.method() == http::verb::head;
  if (is_read && !parser.is_done()) {
    return refuse(http::status::payload_too_large, "no page here takes a request body");
  }
  return std::nullopt;
}

}  // namespace

http_session::http_session(asio::generic::stream_protocol::socket socket, responder& pages,
                           const admin_limits& limits)
    : stream_(std::move(socket)), buffer_(limits.header_bytes_max), pages_(pages), limits_(limits) {}

void http_session::close() {
  is_closed_ = true;
  stream_.close();
}

asio::awaitable<void> http_session::run() {
  bool is_open = true;
  while (is_open) {
    // For waiting and reading, and once more for what is said: neither an idle nor a slow peer keeps its
    // place longer.
    stream_.expires_after(limits_.request_deadline);
    received next = co_await read();
    if (is_closed_ || (!next.asked && !next.refusal)) co_return;

    const bool is_header_only = next.asked && next.asked->method() == http::verb::head;
    std::optional<response> answer = std::move(next.refusal);
    if (!answer) {
      response made = co_await pages_.answer(std::move(*next.asked));
      if (is_closed_) co_return;
      answer = std::move(made);
      stream_.expires_after(limits_.request_deadline);  // the answer may have taken longer
    }
    const bool is_switching = answer->result() == http::status::switching_protocols;
    is_open = co_await write(std::move(*answer), is_header_only || is_switching);
    if (is_closed_) co_return;
    if (is_switching) {
      if (is_open) give_away();
      co_return;
    }
  }
  co_await end();
}

void http_session::give_away() {
  error_code ec;
  const int connected = stream_.release_socket().release(ec);
  is_closed_ = true;
  if (!ec) pages_.take(net::unique_fd(connected));
}

asio::awaitable<http_session::received> http_session::read() {
  http::request_parser<http::string_body> parser;
  parser.header_limit(limits_.header_bytes_max);
  parser.body_limit(boost::none);  // of one that is not read the announced length does not matter
  if (limits_.body_bytes_max > 0) parser.body_limit(limits_.body_bytes_max);
  const auto [ec, n] = co_await http::async_read_header(stream_, buffer_, parser, as_result);
  received next;
  next.refusal = ec ? refusal_of(ec) : refusal_of(parser);
  if (ec || next.refusal) co_return next;
  if (limits_.body_bytes_max > 0 && !parser.is_done()) {
    const auto [failed, body_n] = co_await http::async_read(stream_, buffer_, parser, as_result);
    next.refusal = failed ? refusal_of(failed) : std::nullopt;
    if (failed) co_return next;
  }
  next.asked = parser.get();
  // The body of a POST is in the way of the next request, unless it was read.
  if (!parser.is_done()) next.asked->keep_alive(false);
  co_return next;
}

asio::awaitable<bool> http_session::write(response answer, bool is_header_only) {
  http::response_serializer<http::string_body> serializer(answer);
  error_code failed;
  if (is_header_only) {
    const auto [ec, n] = co_await http::async_write_header(stream_, serializer, as_result);
    failed = ec;
  } else {
    const auto [ec, n] = co_await http::async_write(stream_, serializer, as_result);
    failed = ec;
  }
  co_return !failed && answer.keep_alive();
}

// Closing with unread bytes makes the kernel send a reset, which can destroy an answer on its way: so the
// rest is read and dropped, within bounds.
asio::awaitable<void> http_session::end() {
  constexpr duration patience = seconds{1};
  constexpr int reads_max = 64;
  error_code ignored;
  stream_.socket().shutdown(asio::socket_base::shutdown_send, ignored);
  stream_.expires_after(std::min<duration>(patience, limits_.request_deadline));
  buffer_.clear();
  const auto rest = buffer_.prepare(buffer_.max_size());
  for (int i = 0; i < reads_max; ++i) {
    const auto [ec, n] = co_await stream_.async_read_some(rest, as_result);
    if (ec) break;
  }
  close();
}

}  // namespace pgsteer::admin
