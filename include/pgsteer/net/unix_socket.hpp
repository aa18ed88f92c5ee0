#pragma once
// Listening on a Unix socket: unix(7).
//
// Free functions; any thread.
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <string>

#include "pgsteer/base/result.hpp"
#include "pgsteer/net/address.hpp"

namespace pgsteer::net {

// Who may connect, from the first moment on; to one with an abstract name everybody may.
enum class unix_socket_access { owner, everybody };  // modes 0600 and 0777

// path: with @ in front it is an abstract name. The file of a process that has ended is replaced. Errors:
// address_in_use if somebody listens there or it is no socket; what bind(2), chmod(2) or listen(2) returned.
[[nodiscard]] result<listening_socket> listen_unix(boost::asio::io_context& context, const std::string& path,
                                                   unix_socket_access allowed);

// unix_socket_file: the file of a socket that listens, as long as it is the one that was there at first:
// another process may put its own in place. Nothing of the socket's own.
class unix_socket_file {
 public:
  unix_socket_file() = default;
  // Notes the one that is there now. path: "" or an abstract name: none.
  explicit unix_socket_file(std::string path);

  [[nodiscard]] bool is_in_place() const;
  // Whoever connects from now on is refused. Only if it is in place.
  void remove();
  // Another process has the socket now.
  void leave() noexcept { inode_ = 0; }

 private:
  std::string path_;
  std::uint64_t inode_ = 0;  // 0: none
};

}  // namespace pgsteer::net
