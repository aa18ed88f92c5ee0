#include "pgsteer/net/inherited_sockets.hpp"

#include <algorithm>

namespace pgsteer::net {

inherited_socket inherited_sockets::take(std::string_view name, std::string_view bind) {
  const bool is_any_port = bind.ends_with(":0");
  const auto found = std::ranges::find_if(given_, [&](const inherited_socket& each) {
    if (each.bind.empty()) return each.name == name;
    return each.bind == bind && (!is_any_port || each.name == name);
  });
  if (found == given_.end()) return {};
  inherited_socket taken = std::move(*found);
  given_.erase(found);
  return taken;
}

std::vector<int> inherited_sockets::left() const {
  std::vector<int> all;
  for (const inherited_socket& each : given_) all.push_back(each.fd.value());
  return all;
}

}  // namespace pgsteer::net
