#pragma once
// What the acceptors of every kind of address have in common.
#include <boost/asio/io_context.hpp>
#include <cerrno>

#include "pgsteer/base/result.hpp"
#include "pgsteer/net/unique_fd.hpp"

namespace pgsteer::net {

[[nodiscard]] inline error_code last_error() noexcept {
  return {errno, boost::system::system_category()};
}

// Errors: of fcntl(2), and bad_descriptor.
template <class Protocol>
[[nodiscard]] result<typename Protocol::acceptor> adopt_as(boost::asio::io_context& context,
                                                           const Protocol& protocol, unique_fd listening) {
  typename Protocol::acceptor acceptor(context);
  error_code ec;
  acceptor.assign(protocol, listening.value(), ec);
  if (ec) return ec;
  (void)listening.release();
  acceptor.non_blocking(true, ec);
  if (ec) return ec;
  return acceptor;
}

}  // namespace pgsteer::net
