#include "pgsteer/net/unix_socket.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/error.hpp>
#include <utility>

#include "net/acceptors.hpp"

namespace pgsteer::net {
namespace {

using boost::asio::local::stream_protocol;

bool is_left_over(boost::asio::io_context& context, const std::string& path) {
  struct stat seen {};
  if (::lstat(path.c_str(), &seen) != 0 || !S_ISSOCK(seen.st_mode)) return false;
  stream_protocol::socket knocking(context);
  error_code ec;
  knocking.open({}, ec);
  if (!ec) knocking.non_blocking(true, ec);  // a full queue is somebody's too
  if (!ec) knocking.connect(stream_protocol::endpoint(path), ec);
  return ec == boost::asio::error::connection_refused;
}

}  // namespace

result<stream_protocol::acceptor> listen_unix(boost::asio::io_context& context, const std::string& path) {
  if (is_left_over(context, path)) ::unlink(path.c_str());
  stream_protocol::acceptor acceptor(context);
  error_code ec;
  acceptor.open({}, ec);
  if (!ec) acceptor.bind(stream_protocol::endpoint(path), ec);
  if (ec) return ec;
  // Nobody can connect before listen().
  if (::chmod(path.c_str(), S_IRUSR | S_IWUSR) != 0) ec = last_error();
  if (!ec) acceptor.listen(boost::asio::socket_base::max_listen_connections, ec);
  if (!ec) return acceptor;
  ::unlink(path.c_str());
  return ec;
}

result<stream_protocol::acceptor> adopt_listening_unix(boost::asio::io_context& context,
                                                       unique_fd listening) {
  return adopt_as(context, stream_protocol(), std::move(listening));
}

}  // namespace pgsteer::net
