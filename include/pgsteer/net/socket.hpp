#pragma once
// What pgsteer asks of stream sockets beyond what Asio gives: options, listening, blame for errors.
//
// Free functions; any thread. Nothing here blocks or resolves names.
#include <boost/asio/io_context.hpp>
#include <span>

#include "pgsteer/base/bytes.hpp"
#include "pgsteer/base/endpoint.hpp"
#include "pgsteer/base/result.hpp"
#include "pgsteer/net/address.hpp"
#include "pgsteer/net/options.hpp"
#include "pgsteer/net/unique_fd.hpp"

namespace pgsteer::net {

// TCP_NODELAY, SO_KEEPALIVE with its three values, TCP_USER_TIMEOUT: tcp(7). A PostgreSQL round trip is one
// small segment each way, so Nagle's algorithm could only add delay.
[[nodiscard]] error_code configure(int fd, const tcp_options& options) noexcept;

// A non-blocking socket for connecting to the address, with the options of a TCP socket set. Errors: of
// socket(2), setsockopt(2).
[[nodiscard]] result<unique_fd> make_socket(const address& of, const tcp_options& options) noexcept;

// Connects such a socket. Errors: errc::operation_in_progress, then ask again once it is writable; else what
// connect(2) says. A peer on this host is mostly connected at once, which Linux tells only who asks again:
// the handshake ends when the first call returns (release_sock() in net/core/sock.c).
[[nodiscard]] error_code connect(int fd, const address& to) noexcept;

// Bound, listening, non-blocking. Errors: of to_address(), and what socket(2), bind(2) or listen(2) returned.
// Any user may connect to a Unix socket, as to PostgreSQL's by default (unix_socket_permissions).
// successor_of: listening sockets of ours that it may follow: one that has the same port, at this address or
// at all, does not stand in its way, and both listen until that one is closed (SO_REUSEPORT, socket(7)).
[[nodiscard]] result<listening_socket> listen(boost::asio::io_context& context, const endpoint& bind,
                                              std::span<const int> successor_of = {});

// Of a socket that listens already. Errors: what getsockname(2) or fcntl(2) returned.
[[nodiscard]] result<listening_socket> adopt_listening(boost::asio::io_context& context, unique_fd listening);

// A listening TCP socket takes no new handshake from now on, and ends those that have begun: whoever comes
// hears nothing, and tries again after a second. Before it is closed: what has completed its handshake by
// then and was not accepted gets a reset (listen(2), SO_ATTACH_FILTER of socket(7)).
void refuse_handshakes(int fd) noexcept;

// EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL, and ENOSPC of epoll_ctl(2): trouble of this host, never a
// backend's failure (rule 6).
[[nodiscard]] bool is_local_trouble(const error_code& ec) noexcept;

// Makes the next close send a reset instead of a FIN, so that the peer sees an error and not an end.
void reset_on_close(int fd) noexcept;

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

// One attempt to send everything without blocking; for a last message to a peer that reads.
void send_best_effort(int fd, byte_span bytes) noexcept;

// Bytes that were sent and that the peer's kernel has not acknowledged, a FIN counting as one: SIOCOUTQ of
// tcp(7), of unix(7) what the peer has not read. 0 if fd is no socket.
[[nodiscard]] std::size_t unacknowledged(int fd) noexcept;
// Of these, bytes that are still here, mostly since a TCP peer has no room for them: SIOCOUTQNSD of
// linux/sockios.h. 0 if fd is no TCP socket.
[[nodiscard]] std::size_t unsent(int fd) noexcept;

}  // namespace pgsteer::net
