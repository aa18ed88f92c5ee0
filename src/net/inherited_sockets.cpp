#include "pgsteer/net/inherited_sockets.hpp"

#include <algorithm>

namespace pgsteer::net {

unique_fd inherited_sockets::take(std::string_view name, std::string_view bind) {
  const bool is_any_port = bind.ends_with(":0");
  const auto found = std::ranges::find_if(given_, [&](const inherited_socket& each) {
    return each.bind == bind && (!is_any_port || each.name == name);
  });
  if (found == given_.end()) return {};
  unique_fd taken = std::move(found->fd);
  given_.erase(found);
  return taken;
}

std::vector<int> inherited_sockets::left() const {
  std::vector<int> all;
  for (const inherited_socket& each : given_) all.push_back(each.fd.value());
  return all;
}

}  // namespace pgsteer::net
