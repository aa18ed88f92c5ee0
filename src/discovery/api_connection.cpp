#include "discovery/api_connection.hpp"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/ssl/error.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <charconv>
#include <utility>
#include <vector>

#include "pgsteer/net/as_result.hpp"
#include "pgsteer/net/socket.hpp"

namespace pgsteer::discovery {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace ssl = asio::ssl;
using asio::ip::tcp;
using net::as_result;

// Of an answer; the API server's have some hundred bytes.
constexpr std::uint32_t header_bytes_max = 16 * 1024;

api_failure failure_of(const error_code& ec, const char* doing) {
  const bool is_late = ec == beast::error::timeout;
  const bool is_no_http = ec.category() == http::make_error_code(http::error::bad_version).category();
  const bool is_cut = ec == http::error::end_of_stream || ec == http::error::partial_message;
  const api_ending end = is_late                 ? api_ending::late
                         : is_no_http && !is_cut ? api_ending::malformed
                                                 : api_ending::no_connection;
  return {end, std::string(doing) + ": " + (is_late ? "no answer in time" : ec.message())};
}

api_failure closed() {
  return {api_ending::no_connection, "closed by us"};
}

bool is_numeric(const std::string& host) {
  error_code ec;
  asio::ip::make_address(host, ec);
  return !ec;
}

// Errors: of OpenSSL, where the PEM holds no certificate.
error_code prepare(ssl::context& tls, const std::string& authorities) {
  error_code ec;
  SSL_CTX_set_min_proto_version(tls.native_handle(), TLS1_2_VERSION);
  tls.set_verify_mode(ssl::verify_peer, ec);
  if (!ec) tls.add_certificate_authority(asio::buffer(authorities), ec);
  return ec;
}

// The certificate must be of this very name or address. Errors: of OpenSSL.
bool expect_name(SSL* session, const std::string& host) {
  X509_VERIFY_PARAM* const wanted = SSL_get0_param(session);
  X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (is_numeric(host)) return X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) == 1;
  return X509_VERIFY_PARAM_set1_host(wanted, host.c_str(), host.size()) == 1 &&
         SSL_set_tlsext_host_name(session, host.c_str()) == 1;
}

}  // namespace

api_connection::api_connection(asio::io_context& context, const api_timing& timing)
    : context_(context),
      timing_(timing),
      resolver_(context),
      tls_(ssl::context::tls_client),
      buffer_(header_bytes_max + piece_bytes_max) {}

asio::awaitable<api_failure> api_connection::open(api_identity to) {
  if (const error_code ec = prepare(tls_, to.authorities))
    co_return api_failure{
        api_ending::not_set_up,
        "the API server's certificate authority: expected PEM certificates: " + ec.message()};
  stream_.emplace(context_, tls_);
  host_ = to_string(to.server);
  api_failure failed = co_await connect(to.server);
  if (failed.is_one()) co_return failed;
  failed = co_await shake_hands(std::move(to));
  co_return failed;
}

asio::awaitable<api_failure> api_connection::connect(endpoint to) {
  std::vector<tcp::endpoint> addresses;
  error_code ec;
  if (const auto numeric = asio::ip::make_address(to.host, ec); !ec) {
    addresses.emplace_back(numeric, to.port);
  } else {
    const auto [unresolved, found] = co_await resolver_.async_resolve(
        to.host, std::to_string(to.port), tcp::resolver::numeric_service, as_result);
    if (is_closed_) co_return closed();
    if (unresolved) co_return failure_of(unresolved, "resolving the API server");
    for (const auto& each : found) addresses.push_back(each.endpoint());
  }
  transport().expires_after(timing_.connect_timeout);
  const auto [failed, address] = co_await transport().async_connect(addresses, as_result);
  if (is_closed_) co_return closed();
  if (failed) co_return failure_of(failed, "connecting to the API server");
  // A peer that is gone without a word is found in 60 s, whatever was said last.
  ec = net::configure(transport().socket().native_handle(), net::tcp_options{});
  if (ec) co_return failure_of(ec, "connecting to the API server");
  co_return api_failure{};
}

asio::awaitable<api_failure> api_connection::shake_hands(api_identity to) {
  SSL* const session = stream_->native_handle();
  if (!expect_name(session, to.server.host))
    co_return api_failure{api_ending::not_set_up, "OpenSSL takes no such name: " + to.server.host};
  transport().expires_after(timing_.tls_timeout);
  const auto [ec] = co_await stream_->async_handshake(ssl::stream_base::client, as_result);
  if (is_closed_) co_return closed();
  if (!ec) co_return api_failure{};
  const long verdict = SSL_get_verify_result(session);
  if (verdict == X509_V_OK) co_return failure_of(ec, "TLS with the API server");
  co_return api_failure{api_ending::no_connection, "the API server's certificate: " +
                                                       std::string(X509_verify_cert_error_string(verdict))};
}

asio::awaitable<api_failure> api_connection::ask(std::string target, std::string token) {
  http::request<http::empty_body> request(http::verb::get, target, 11);
  request.set(http::field::host, host_);
  request.set(http::field::user_agent, "pgsteer/" PGSTEER_VERSION);
  request.set(http::field::accept, "application/json");
  request.set(http::field::authorization, "Bearer " + token);
  parser_.emplace();
  parser_->header_limit(header_bytes_max);
  parser_->body_limit(boost::none);  // a watch has no end; what is kept of it is bounded by its reader
  transport().expires_after(timing_.header_timeout);
  const auto [unsent, sent] = co_await http::async_write(*stream_, request, as_result);
  if (is_closed_) co_return closed();
  if (unsent) co_return failure_of(unsent, "sending a request");
  const auto [ec, n] = co_await http::async_read_header(*stream_, buffer_, *parser_, as_result);
  if (is_closed_) co_return closed();
  if (ec) co_return failure_of(ec, "reading an answer");
  parser_->eager(true);  // all that there is, not one part after the other
  co_return api_failure{};
}

int api_connection::status() const {
  return static_cast<int>(parser_->get().result_int());
}

// In seconds: that is what the API server sends (RFC 9110, 10.2.3, has dates too).
std::optional<duration> api_connection::retry_after() const {
  const auto field = parser_->get()[http::field::retry_after];
  std::uint32_t value = 0;
  const auto [end, ec] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (ec != std::errc{} || end != field.data() + field.size()) return std::nullopt;
  return seconds{value};
}

// Not http::async_read_some(): that returns when its buffer is full, or after each part of a chunk. Here all
// that one record of TLS has brought is one piece.
asio::awaitable<api_connection::piece> api_connection::read(time_point deadline) {
  while (true) {
    piece next;
    if (take_received(next)) co_return next;
    transport().expires_at(deadline);
    const auto [ec, n] = co_await stream_->async_read_some(buffer_.prepare(piece_bytes_max), as_result);
    if (is_closed_) co_return piece{closed(), {}};
    if (ec) co_return piece{failure_of(ec, "reading an answer"), {}};
    buffer_.commit(n);
  }
}

// False: more has to be received first.
bool api_connection::take_received(piece& next) {
  if (parser_->is_done()) return true;
  if (buffer_.size() == 0) return false;
  auto& body = parser_->get().body();
  body.data = piece_.data();
  body.size = piece_.size();
  error_code ec;
  buffer_.consume(parser_->put(buffer_.data(), ec));
  const bool needs_more = ec == http::error::need_more || ec == http::error::need_buffer;
  // What is kept for the next time is less than the header of a chunk.
  if ((ec && !needs_more) || buffer_.size() > header_bytes_max) {
    next.failure = {api_ending::malformed, "reading an answer: " + ec.message(), {}};
    return true;
  }
  next.bytes = {piece_.data(), piece_.size() - body.size};
  return !next.bytes.empty() || parser_->is_done();
}

bool api_connection::is_reusable() const {
  return stream_ && parser_ && parser_->is_done() && parser_->keep_alive();
}

void api_connection::close() {
  is_closed_ = true;
  resolver_.cancel();
  if (stream_) transport().close();
}

}  // namespace pgsteer::discovery
