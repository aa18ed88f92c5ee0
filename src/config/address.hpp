#pragma once
// What may stand where an address is wanted: IP literals and host names.
//
// Pure but for inet_pton(3), which looks nothing up; any thread.
#include <string>

namespace pgsteer::config {

// IPv4 or IPv6 without brackets; IPv6 with or without a zone (fe80::1%eth0).
[[nodiscard]] bool is_ip_literal(const std::string& text);
// A name that DNS or /etc/hosts could hold: labels of 1 to 63 letters, digits, '-' and '_', 253 bytes at most
// (RFC 1035 section 2.3.4). A name whose last label is a number is a mistyped IPv4 address, not a name.
[[nodiscard]] bool is_host_name(const std::string& text);

}  // namespace pgsteer::config
