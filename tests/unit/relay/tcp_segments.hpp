#pragma once
// How many TCP segments a socket has received, pure acknowledgements included.
//
// A file of its own for linux/tcp.h, which does not get along with netinet/tcp.h. Any thread.
#include <cstdint>

#include "pgsteer/net/unique_fd.hpp"

namespace pgsteer::relay::testing {

// tcpi_segs_in of linux/tcp.h.
[[nodiscard]] std::uint32_t segments_received(const net::unique_fd& fd);

}  // namespace pgsteer::relay::testing
