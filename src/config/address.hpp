#pragma once
// What may stand where an address is wanted: IP literals, host names and the folders of Unix sockets.
//
// Pure but for inet_pton(3), which looks nothing up; any thread.
#include <cstddef>
#include <string>
#include <string_view>

#include "pgsteer/base/endpoint.hpp"

namespace pgsteer::config {

// IPv4 or IPv6 without brackets; IPv6 with or without a zone (fe80::1%eth0).
[[nodiscard]] bool is_ip_literal(const std::string& text);
// A name that DNS or /etc/hosts could hold: labels of 1 to 63 letters, digits, '-' and '_', 253 bytes at most
// (RFC 1035 section 2.3.4). A name whose last label is a number is a mistyped IPv4 address, not a name.
[[nodiscard]] bool is_host_name(const std::string& text);

// A folder, or an abstract name, in which a socket of this port fits: /run/postgresql:5432. Its path has no
// comma, which libpq separates hosts by, and nothing that cannot be printed.
inline constexpr std::size_t unix_folder_max =
    unix_socket_path_max - std::string_view("/.s.PGSQL.65535").size();
[[nodiscard]] bool is_unix_folder(const endpoint& value);

}  // namespace pgsteer::config
