#pragma once
// What the pages derive from a topology_view; nothing here decides anything.
//
// Pure; control thread, as the view.
#include <algorithm>
#include <optional>

#include "pgsteer/admin/admin_server.hpp"

namespace pgsteer::admin {

// How long ago the last good answer was asked for; nothing if there was none.
inline std::optional<milliseconds> probe_age(const topology::backend_status& of, time_point now) {
  if (!of.answered_at) return std::nullopt;
  return std::max(milliseconds{0}, std::chrono::duration_cast<milliseconds>(now - *of.answered_at));
}

// How long the operator's order goes on; nothing if there is none, or none that ends by itself.
inline std::optional<milliseconds> order_left(const topology::backend_status& of, time_point now) {
  if (!of.order || !of.order->until) return std::nullopt;
  return std::max(milliseconds{0}, std::chrono::duration_cast<milliseconds>(*of.order->until - now));
}

inline std::uint64_t sessions_of(const topology_view& view, std::size_t index) {
  return index < view.sessions.size() ? view.sessions[index] : 0;
}

inline const topology::backend_status* primary_of(const topology::topology_snapshot& snapshot) {
  return snapshot.primary ? snapshot.find(*snapshot.primary) : nullptr;
}

// Decimal, as pg_controldata prints it; empty while it is not known.
inline std::string system_identifier_text(topology::system_identifier value) {
  return value.value == 0 ? std::string() : std::to_string(value.value);
}

}  // namespace pgsteer::admin
