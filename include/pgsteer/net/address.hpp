#pragma once
// address: where a stream socket is, TCP or Unix; and what listens there.
//
// Values; any thread. Nothing here resolves names.
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "pgsteer/base/endpoint.hpp"
#include "pgsteer/base/result.hpp"

namespace pgsteer::net {

using tcp = boost::asio::ip::tcp;
using stream = boost::asio::generic::stream_protocol;
using address = stream::endpoint;
using listening_socket = boost::asio::basic_socket_acceptor<stream>;

[[nodiscard]] bool is_unix(const address& value) noexcept;

// Of an endpoint whose host is numeric or a Unix socket's. Errors: net::errc::not_numeric, filename_too_long.
[[nodiscard]] result<address> to_address(const endpoint& value);
// Its reverse. A Unix socket of another name than PostgreSQL's is its whole path, with port 0.
[[nodiscard]] endpoint to_endpoint(const address& value);

// Where a client is: a fifth of an address, and each session has one. One that has come by a Unix socket,
// which has no name, is a tcp::endpoint without a port, and local_client in words.
[[nodiscard]] tcp::endpoint to_client(const address& value);
[[nodiscard]] result<tcp::endpoint> to_client(const endpoint& value);
[[nodiscard]] endpoint client_endpoint(const tcp::endpoint& client);
// Where a socket is. Errors: of getsockname(2).
[[nodiscard]] result<address> local_address(int fd);

}  // namespace pgsteer::net
