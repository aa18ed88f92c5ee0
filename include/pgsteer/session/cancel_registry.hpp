#pragma once
// cancel_registry: which backend a BackendKeyData belongs to, for every session of this process.
//
// A CancelRequest arrives on a connection of its own, on any worker, so this one table is shared: a mutex,
// taken once per login, session end and cancel, never while bytes are relayed. Any thread.
#include <mutex>
#include <unordered_map>
#include <vector>

#include "pgsteer/base/endpoint.hpp"
#include "pgsteer/pgwire/cancel_key.hpp"

namespace pgsteer::session {

class cancel_registry {
  using table = std::unordered_multimap<pgwire::cancel_key, const endpoint*>;

 public:
  // Of one session; it keeps no second copy of its key.
  using entry = const table::value_type*;

  // backend lives until remove(): one address less for each idle session.
  [[nodiscard]] entry add(const pgwire::cancel_key& key, const endpoint& backend);
  void remove(entry of_session);
  // Each backend once, mostly one at most. Two may have handed out the same key, and whoever has it may
  // cancel at both; what poses as a backend may hand out one key for all of its sessions.
  [[nodiscard]] std::vector<endpoint> find(const pgwire::cancel_key& key) const;

 private:
  mutable std::mutex mutex_;
  table backends_;  // bounded by limits.sessions
};

}  // namespace pgsteer::session
