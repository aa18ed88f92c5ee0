#pragma once
// inherited_sockets: listening sockets that this process was given open by another one, to be used instead of
// binding its own: with them come the clients that wait there.
//
// Owns them until they are taken. One thread at a time.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pgsteer/net/unique_fd.hpp"

namespace pgsteer::net {

struct inherited_socket {
  std::string name;  // of what listened there
  std::string bind;  // where, as configured: an endpoint, or the path of a Unix socket; empty: wherever it is
  unique_fd fd;
  // By whoever has opened it, for whoever comes after this process: it listens on when this one has closed
  // it.
  bool is_kept_open = false;
};

class inherited_sockets {
 public:
  void add(inherited_socket given) { given_.push_back(std::move(given)); }
  // The one at that address; where the kernel has chosen the port, or it may be anywhere, of that name. With
  // a closed descriptor if there is none.
  [[nodiscard]] inherited_socket take(std::string_view name, std::string_view bind);
  // Of those that are left; for whoever is to follow one of them: net::listen().
  [[nodiscard]] std::vector<int> left() const;

 private:
  std::vector<inherited_socket> given_;
};

}  // namespace pgsteer::net
