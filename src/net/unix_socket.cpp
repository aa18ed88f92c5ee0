#include "pgsteer/net/unix_socket.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/error.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <utility>

#include "net/last_error.hpp"

namespace pgsteer::net {
namespace {

using boost::asio::local::stream_protocol;

bool is_abstract(const std::string& path) noexcept {
  return path.starts_with('@');
}

stream_protocol::endpoint named(std::string path) {
  if (is_abstract(path)) path.front() = '\0';
  return {path};
}

bool is_left_over(boost::asio::io_context& context, const std::string& path) {
  struct stat seen {};
  if (::lstat(path.c_str(), &seen) != 0 || !S_ISSOCK(seen.st_mode)) return false;
  stream_protocol::socket knocking(context);
  error_code ec;
  knocking.open({}, ec);
  if (!ec) knocking.non_blocking(true, ec);  // a full queue is somebody's too
  if (!ec) knocking.connect(named(path), ec);
  return ec == boost::asio::error::connection_refused;
}

std::uint64_t inode_of(const std::string& path) noexcept {
  struct stat seen {};
  return ::lstat(path.c_str(), &seen) == 0 ? seen.st_ino : 0;
}

mode_t mode_for(unix_socket_access allowed) noexcept {
  return allowed == unix_socket_access::owner ? S_IRUSR | S_IWUSR : S_IRWXU | S_IRWXG | S_IRWXO;
}

}  // namespace

result<listening_socket> listen_unix(boost::asio::io_context& context, const std::string& path,
                                     unix_socket_access allowed) {
  const bool is_file = !is_abstract(path);
  if (is_file && is_left_over(context, path)) ::unlink(path.c_str());
  listening_socket made(context);
  error_code ec;
  made.open(stream_protocol(), ec);
  if (!ec) made.bind(named(path), ec);
  if (ec) return ec;
  // Nobody can connect before listen().
  if (is_file && ::chmod(path.c_str(), mode_for(allowed)) != 0) ec = last_error();
  if (!ec) made.listen(boost::asio::socket_base::max_listen_connections, ec);
  if (!ec) made.non_blocking(true, ec);
  if (!ec) return made;
  if (is_file) ::unlink(path.c_str());
  return ec;
}

unix_socket_file::unix_socket_file(std::string path)
    : path_(std::move(path)), inode_(path_.empty() || is_abstract(path_) ? 0 : inode_of(path_)) {}

bool unix_socket_file::is_in_place() const {
  return inode_ != 0 && inode_of(path_) == inode_;
}

void unix_socket_file::remove() {
  if (is_in_place()) ::unlink(path_.c_str());
  inode_ = 0;
}

}  // namespace pgsteer::net
