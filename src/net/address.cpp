#include "pgsteer/net/address.hpp"

#include <netinet/in.h>
#include <sys/un.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "net/last_error.hpp"
#include "pgsteer/net/errc.hpp"

namespace pgsteer::net {
namespace {

using local_protocol = boost::asio::local::stream_protocol;

// Said in full, since Asio's generic endpoint could be made of anything, for all that its constructor says.
result<address> no_address(const error_code& why) {
  return {boost::system::in_place_error, why};
}

result<tcp::endpoint> tcp_address(const endpoint& value) {
  error_code ec;
  const auto numeric = boost::asio::ip::make_address(value.host, ec);
  if (ec) return errc::not_numeric;
  return tcp::endpoint(numeric, value.port);
}

endpoint tcp_endpoint(const tcp::endpoint& value) {
  return {value.address().to_string(), value.port()};
}

result<address> unix_address(const endpoint& value) {
  std::string path = unix_socket_path(value);
  if (path.size() > unix_socket_path_max)
    return no_address(boost::system::errc::make_error_code(boost::system::errc::filename_too_long));
  if (path.starts_with('@')) path.front() = '\0';
  return address(local_protocol::endpoint(path));
}

endpoint unix_endpoint(const address& value) {
  const auto& raw = *reinterpret_cast<const sockaddr_un*>(value.data());
  if (value.size() <= offsetof(sockaddr_un, sun_path)) return {std::string(local_client), 0};
  const std::size_t size = value.size() - offsetof(sockaddr_un, sun_path);
  const bool is_abstract = raw.sun_path[0] == '\0';
  std::string path(raw.sun_path, is_abstract ? size : ::strnlen(raw.sun_path, size));
  if (is_abstract) path.front() = '@';
  const std::string_view mark = "/.s.PGSQL.";
  const auto at = path.rfind(mark);
  if (at == std::string::npos) return {path, 0};
  std::uint16_t port = 0;
  const char* const digits = path.data() + at + mark.size();
  const auto [end, ec] = std::from_chars(digits, path.data() + path.size(), port);
  if (ec != std::errc{} || end != path.data() + path.size()) return {path, 0};
  return {path.substr(0, at), port};
}

}  // namespace

bool is_unix(const address& value) noexcept {
  return value.protocol().family() == AF_UNIX;
}

result<address> to_address(const endpoint& value) {
  if (is_unix_socket(value)) return unix_address(value);
  const auto numeric = tcp_address(value);
  if (!numeric) return no_address(numeric.error());
  return address(*numeric);
}

endpoint to_endpoint(const address& value) {
  return is_unix(value) ? unix_endpoint(value) : tcp_endpoint(to_client(value));
}

tcp::endpoint to_client(const address& value) {
  if (is_unix(value)) return {};
  tcp::endpoint client;
  client.resize(value.size());
  std::memcpy(client.data(), value.data(), value.size());
  return client;
}

result<tcp::endpoint> to_client(const endpoint& value) {
  if (value.host == local_client) return tcp::endpoint();
  return tcp_address(value);
}

endpoint client_endpoint(const tcp::endpoint& client) {
  return client.port() == 0 ? endpoint{std::string(local_client), 0} : tcp_endpoint(client);
}

result<address> local_address(int fd) {
  address found;
  auto size = static_cast<socklen_t>(found.capacity());
  if (::getsockname(fd, found.data(), &size) != 0) return no_address(last_error());
  found.resize(size);
  return found;
}

}  // namespace pgsteer::net
