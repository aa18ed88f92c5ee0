#include "admin/admin_client.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <optional>

#include "admin/session_list_json.hpp"
#include "pgsteer/base/errc.hpp"
#include "pgsteer/net/as_result.hpp"
#include "pgsteer/net/spawn.hpp"

namespace pgsteer::admin {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using net::as_result;

// The longest list of sessions, and what is behind it: a cluster of 1,000 backends makes 400 KiB of JSON.
constexpr std::uint64_t body_bytes_max = session_list_bytes_max + 1024 * 1024;

// Where the coroutine leaves what it found; outlives the io_context.
struct outcome {
  std::optional<error_code> ended;
  std::vector<fetched> answers;
};

using client_stream = beast::basic_stream<asio::generic::stream_protocol>;

asio::awaitable<error_code> connect_to_file(client_stream& stream, unix_path path) {
  const asio::local::stream_protocol::endpoint file(path.text);
  const auto [ec] = co_await stream.async_connect(file, as_result);
  co_return ec;
}

asio::awaitable<error_code> connect_to_host(client_stream& stream, endpoint where) {
  auto executor = co_await asio::this_coro::executor;
  tcp::resolver resolver(executor);
  const auto [unresolved, found] = co_await resolver.async_resolve(where.host, std::to_string(where.port),
                                                                   tcp::resolver::numeric_service, as_result);
  if (unresolved) co_return unresolved;
  error_code last;
  for (const auto& address : found) {
    stream.close();  // another address may be of another family
    const tcp::endpoint next = address.endpoint();
    const auto [ec] = co_await stream.async_connect(next, as_result);
    last = ec;
    if (!ec) break;
  }
  co_return last;
}

asio::awaitable<error_code> send(client_stream& stream, beast::flat_buffer& buffer,
                                 http::request<http::string_body> ask, outcome& out) {
  // Who is turned away before he asks is told why all the same.
  const auto [unsent, sent] = co_await http::async_write(stream, ask, as_result);
  http::response_parser<http::string_body> parser;
  parser.body_limit(body_bytes_max);
  const auto [ec, n] = co_await http::async_read(stream, buffer, parser, as_result);
  if (ec) co_return unsent ? unsent : ec;
  auto answer = parser.release();
  out.answers.push_back({answer.result(), std::move(answer.body())});
  co_return error_code{};
}

asio::awaitable<void> send_all(peer to, std::vector<question> questions, outcome& out) {
  auto executor = co_await asio::this_coro::executor;
  client_stream stream(executor);
  beast::flat_buffer buffer;
  auto connecting = std::holds_alternative<unix_path>(to) ? connect_to_file(stream, std::get<unix_path>(to))
                                                          : connect_to_host(stream, std::get<endpoint>(to));
  error_code ec = co_await std::move(connecting);
  for (std::size_t i = 0; !ec && i < questions.size(); ++i) {
    const bool is_order = questions[i].what == question::kind::order;
    http::request<http::string_body> ask(is_order ? http::verb::post : http::verb::get, questions[i].target,
                                         11, std::move(questions[i].body));
    const auto* const where = std::get_if<endpoint>(&to);
    ask.set(http::field::host, where == nullptr ? std::string("localhost") : to_string(*where));
    ask.set(http::field::user_agent, "pgsteer/" PGSTEER_VERSION);
    if (!ask.body().empty()) ask.set(http::field::content_type, "application/json");
    ask.keep_alive(i + 1 < questions.size());
    ask.prepare_payload();
    ec = co_await send(stream, buffer, std::move(ask), out);
  }
  out.ended = ec;
}

}  // namespace

result<endpoint> parse_admin_url(std::string_view url) {
  constexpr std::string_view scheme = "http://";
  if (!url.starts_with(scheme)) return pgsteer::errc::malformed_endpoint;
  url.remove_prefix(scheme.size());
  if (url.ends_with('/')) url.remove_suffix(1);
  // A path, a query, a fragment or a user would be dropped silently.
  if (url.find_first_of("/?#@ ") != std::string_view::npos) return pgsteer::errc::malformed_endpoint;
  auto where = parse_endpoint(url, 80);
  if (where && where->port == 0) return pgsteer::errc::malformed_endpoint;
  return where;
}

result<std::vector<fetched>> ask(const peer& whom, std::vector<question> questions, duration patience) {
  outcome found;
  {
    asio::io_context context;
    net::spawn(context, send_all(whom, std::move(questions), found), "admin client");
    context.run_for(patience);
  }
  if (!found.ended) return asio::error::make_error_code(asio::error::timed_out);
  if (*found.ended) return *found.ended;
  return std::move(found.answers);
}

}  // namespace pgsteer::admin
