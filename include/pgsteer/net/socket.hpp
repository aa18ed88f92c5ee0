#pragma once
// What pgsteer asks of TCP sockets beyond what Asio gives: options, numeric addresses, blame for errors.
//
// Free functions; any thread. Nothing here blocks or resolves names.
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <string_view>

#include "pgsteer/base/bytes.hpp"
#include "pgsteer/base/endpoint.hpp"
#include "pgsteer/base/result.hpp"
#include "pgsteer/net/options.hpp"

namespace pgsteer::net {

using tcp = boost::asio::ip::tcp;

// TCP_NODELAY, SO_KEEPALIVE with its three values, TCP_USER_TIMEOUT: tcp(7). A PostgreSQL round trip is one
// small segment each way, so Nagle's algorithm could only add delay.
[[nodiscard]] error_code configure(int fd, const tcp_options& options) noexcept;

// The socket address of an endpoint whose host is numeric. Errors: net::errc::not_numeric.
[[nodiscard]] result<tcp::endpoint> to_address(const endpoint& value);
[[nodiscard]] endpoint to_endpoint(const tcp::endpoint& address);

// A bound, listening, non-blocking acceptor. Errors: what socket(2), bind(2) or listen(2) returned.
[[nodiscard]] result<tcp::acceptor> listen(boost::asio::io_context& context, const endpoint& bind);

// EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL: trouble of this host, never a backend's failure (rule 6).
[[nodiscard]] bool is_local_trouble(const error_code& ec) noexcept;

// Makes the next close send a reset instead of a FIN, so that the peer sees an error and not an end.
void close_with_reset(int fd) noexcept;

// What a connected peer has sent and nobody has read.
enum class pending_input { nothing, bytes, end_or_error };
[[nodiscard]] pending_input peek(int fd) noexcept;

// Of a connected peer, whatever it sent before that is still unread.
enum class peer_state {
  present,
  ended,  // has sent its FIN: gone, or it only has no more to send
  gone,   // has sent a reset, or the connection failed
};
[[nodiscard]] peer_state state_of_peer(int fd) noexcept;

// From now on the socket counts as readable only when more than what has arrived is there, or the end. False
// if too much has arrived for that. Errors leave it as it is. socket(7), SO_RCVLOWAT.
[[nodiscard]] bool ignore_what_arrived(int fd) noexcept;
// And as usual again.
void heed_what_arrived(int fd) noexcept;

// One attempt to send everything without blocking; for a last message to a peer that reads.
void send_best_effort(int fd, byte_span bytes) noexcept;

// Ends our sending direction and takes what has arrived: a close with unread bytes would be a reset, and the
// peer might lose the last message.
void finish_sending(int fd) noexcept;

}  // namespace pgsteer::net
