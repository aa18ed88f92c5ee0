#pragma once
// Listening on a Unix socket's file: unix(7).
//
// Free functions; any thread.
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <string>

#include "pgsteer/base/result.hpp"
#include "pgsteer/net/unique_fd.hpp"

namespace pgsteer::net {

// Only its user and root may connect (mode 0600, before anybody can). The socket's file of a process that has
// ended is replaced. Errors: address_in_use if somebody listens there or it is no socket; what
// bind(2), chmod(2) or listen(2) returned.
[[nodiscard]] result<boost::asio::local::stream_protocol::acceptor> listen_unix(
    boost::asio::io_context& context, const std::string& path);

// Of a socket that listens already. Errors: what fcntl(2) returned.
[[nodiscard]] result<boost::asio::local::stream_protocol::acceptor> adopt_listening_unix(
    boost::asio::io_context& context, unique_fd listening);

}  // namespace pgsteer::net
