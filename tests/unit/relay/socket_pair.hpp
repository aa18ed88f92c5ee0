#pragma once
// Connected pairs of non-blocking sockets for relay tests: what a client and a backend are to the relay.
//
// Not part of the product; one test at a time owns them.
#include <cstdint>
#include <string>
#include <string_view>

#include "pgsteer/net/unique_fd.hpp"

namespace pgsteer::relay::testing {

enum class socket_kind { unix_stream, tcp };

struct socket_pair {
  net::unique_fd ours;    // handed to the relay
  net::unique_fd theirs;  // the client or the backend
};

// Both ends non-blocking; TCP over 127.0.0.1 with a port that the kernel chooses. Aborts the test on failure.
socket_pair make_pair_of(socket_kind kind);

// Sends what the socket takes now; returns how much. Fails the test on an error other than EAGAIN.
std::size_t send_some(const net::unique_fd& to, std::string_view bytes);

// Everything that can be read now, at most limit bytes; nothing at EAGAIN, at the end or on an error.
std::string read_available(const net::unique_fd& from, std::size_t limit = SIZE_MAX);

// True once the peer has sent its FIN and everything before it was read.
bool is_at_end(const net::unique_fd& from);
// A socket need not show the end of its peer at once.
[[nodiscard]] bool wait_for_end(const net::unique_fd& from);

// True once a read reports an error (ECONNRESET, ...).
bool has_failed(const net::unique_fd& from);

void shut_down_writing(const net::unique_fd& fd);
// Closes so that the other side is reset.
void reset(net::unique_fd& fd);

std::size_t open_descriptors();
// Of which this process has both ends.
std::size_t open_pipes();

}  // namespace pgsteer::relay::testing
