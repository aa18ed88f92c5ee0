#include "pgsteer/session/cancel_registry.hpp"

#include <algorithm>

namespace pgsteer::session {

cancel_registry::entry cancel_registry::add(const pgwire::cancel_key& key, const endpoint& backend) {
  const std::lock_guard lock(mutex_);
  return &*backends_.emplace(key, &backend);
}

void cancel_registry::remove(entry of_session) {
  const std::lock_guard lock(mutex_);
  auto [at, last] = backends_.equal_range(of_session->first);
  while (&*at != of_session) ++at;
  backends_.erase(at);
}

std::vector<endpoint> cancel_registry::find(const pgwire::cancel_key& key) const {
  const std::lock_guard lock(mutex_);
  std::vector<endpoint> found;
  const auto [first, last] = backends_.equal_range(key);
  for (auto it = first; it != last; ++it)
    if (std::ranges::find(found, *it->second) == found.end()) found.push_back(*it->second);
  return found;
}

}  // namespace pgsteer::session
