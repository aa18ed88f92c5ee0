#pragma once
// Host and port of a listener or a backend, as text; not resolved, not a socket address.
//
// Written host:port, IPv6 literals in brackets ([::1]:5432). As for libpq
// (libpq-connect.html#LIBPQ-CONNECT-HOST) a host that begins with / is the folder of a Unix socket, and with
// @ an abstract name's. A value; any thread.
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "pgsteer/base/result.hpp"

namespace pgsteer {

struct endpoint {
  std::string host;  // a name, an IPv4 or IPv6 literal without brackets, or where a Unix socket is
  std::uint16_t port = 0;

  friend auto operator<=>(const endpoint&, const endpoint&) = default;
};

// Where a client is that has come by a Unix socket: it has no address. PostgreSQL's word for it (%h of
// log_line_prefix).
inline constexpr std::string_view local_client = "[local]";

[[nodiscard]] bool is_unix_socket(const endpoint& value) noexcept;
// The socket's own: UNIXSOCK_PATH in src/include/libpq/pqcomm.h. It begins with @ if it is abstract.
[[nodiscard]] std::string unix_socket_path(const endpoint& value);
// What sun_path of unix(7) holds, with a zero byte behind it.
inline constexpr std::size_t unix_socket_path_max = 107;

// "10.0.0.1:5432", "[::1]:5432" or "/run/postgresql:5432"; "[local]" without a port.
[[nodiscard]] std::string to_string(const endpoint& value);

// Reads host:port. A missing port takes default_port; default_port 0 makes the port mandatory.
// Errors: errc::malformed_endpoint (operator).
[[nodiscard]] result<endpoint> parse_endpoint(std::string_view text, std::uint16_t default_port = 0);

}  // namespace pgsteer
