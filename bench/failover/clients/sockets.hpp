#pragma once
// A TCP socket to an IPv4 address. Free functions; any thread.
#include <cstdint>
#include <string>

#include "pgsteer/net/unique_fd.hpp"

namespace pgsteer::bench {

// Connected if flags is 0, on its way if flags is SOCK_NONBLOCK; without a value if that failed, errno says
// why.
[[nodiscard]] net::unique_fd connect_to(const std::string& ip, std::uint16_t port, int flags);

}  // namespace pgsteer::bench
