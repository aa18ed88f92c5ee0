#include "pgsteer/session/cancel_registry.hpp"

namespace pgsteer::session {

void cancel_registry::add(const pgwire::cancel_key& key, const endpoint& backend) {
  const std::lock_guard lock(mutex_);
  backends_.insert_or_assign(key, backend);
}

void cancel_registry::remove(const pgwire::cancel_key& key, const endpoint& backend) {
  const std::lock_guard lock(mutex_);
  const auto found = backends_.find(key);
  if (found != backends_.end() && found->second == backend) backends_.erase(found);
}

std::optional<endpoint> cancel_registry::find(const pgwire::cancel_key& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = backends_.find(key);
  if (found == backends_.end()) return std::nullopt;
  return found->second;
}

}  // namespace pgsteer::session
