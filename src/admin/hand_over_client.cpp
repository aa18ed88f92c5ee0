#include "pgsteer/admin/hand_over_client.hpp"

#include <poll.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include "admin/control_routes.hpp"

namespace pgsteer::admin {
namespace {

namespace asio = boost::asio;
using asio::local::stream_protocol;

// It answers at once, unless it stands still.
constexpr int answer_milliseconds_max = 10'000;

hand_over_answer failed(const error_code& ec) {
  hand_over_answer made;
  // Who has ended in the middle of it is not there either.
  made.is_nobody_there = ec == asio::error::connection_refused ||
                         ec == boost::system::errc::no_such_file_or_directory ||
                         ec == asio::error::connection_reset || ec == asio::error::broken_pipe ||
                         ec == http::error::end_of_stream || ec == http::error::partial_message;
  made.why_not = ec.message();
  return made;
}

}  // namespace

hand_over_answer ask_for_hand_over(const std::string& control_socket) {
  asio::io_context context;
  stream_protocol::socket socket(context);
  error_code ec;
  socket.connect(stream_protocol::endpoint(control_socket), ec);
  if (ec) return failed(ec);
  request asked(http::verb::post, "/v1/hand-over", 11);
  asked.set(http::field::host, "localhost");
  asked.set(http::field::user_agent, "pgsteer/" PGSTEER_VERSION);
  asked.set(http::field::connection, "Upgrade");
  asked.set(http::field::upgrade, hand_over_protocol);
  http::write(socket, asked, ec);
  if (ec) return failed(ec);
  pollfd answer{socket.native_handle(), POLLIN, 0};
  if (::poll(&answer, 1, answer_milliseconds_max) != 1) return failed(asio::error::timed_out);
  boost::beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  http::read_header(socket, buffer, parser, ec);
  if (ec) return failed(ec);
  hand_over_answer made;
  if (parser.get().result() == http::status::switching_protocols) {
    made.connected.reset(socket.release(ec));
    return made;
  }
  http::read(socket, buffer, parser, ec);
  made.why_not = parser.get().body();
  while (made.why_not.ends_with('\n')) made.why_not.pop_back();
  if (made.why_not.empty()) made.why_not = "it does not know how to hand over";
  return made;
}

}  // namespace pgsteer::admin
