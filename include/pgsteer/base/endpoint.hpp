#pragma once
// Host and port of a listener or a backend, as text; not resolved, not a socket address.
//
// Written host:port, IPv6 literals in brackets ([::1]:5432). A value; any thread.
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "pgsteer/base/result.hpp"

namespace pgsteer {

struct endpoint {
  std::string host;  // a name or an IPv4 or IPv6 literal without brackets
  std::uint16_t port = 0;

  friend auto operator<=>(const endpoint&, const endpoint&) = default;
};

// "10.0.0.1:5432" or "[::1]:5432".
[[nodiscard]] std::string to_string(const endpoint& value);

// Reads host:port. A missing port takes default_port; default_port 0 makes the port mandatory.
// Errors: errc::malformed_endpoint (operator).
[[nodiscard]] result<endpoint> parse_endpoint(std::string_view text, std::uint16_t default_port = 0);

}  // namespace pgsteer
