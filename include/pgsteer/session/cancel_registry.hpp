#pragma once
// cancel_registry: which backend a BackendKeyData belongs to, for every session of this process.
//
// A CancelRequest arrives on a connection of its own, on any worker, so this one table is shared: a mutex,
// taken once per login, session end and cancel, never while bytes are relayed. Any thread.
#include <mutex>
#include <optional>
#include <unordered_map>

#include "pgsteer/base/endpoint.hpp"
#include "pgsteer/pgwire/cancel_key.hpp"

namespace pgsteer::session {

class cancel_registry {
 public:
  void add(const pgwire::cancel_key& key, const endpoint& backend);
  // Removes the key only while it still names this backend (two backends may hand out the same pair).
  void remove(const pgwire::cancel_key& key, const endpoint& backend);
  [[nodiscard]] std::optional<endpoint> find(const pgwire::cancel_key& key) const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<pgwire::cancel_key, endpoint> backends_;  // bounded by limits.sessions
};

}  // namespace pgsteer::session
