#include "pgsteer/routing/options.hpp"

namespace pgsteer::routing {

std::string_view to_string(target_session_attrs value) noexcept {
  switch (value) {
    case target_session_attrs::any:
      return "any";
    case target_session_attrs::read_write:
      return "read-write";
    case target_session_attrs::read_only:
      return "read-only";
    case target_session_attrs::primary:
      return "primary";
    case target_session_attrs::standby:
      return "standby";
    case target_session_attrs::prefer_standby:
      return "prefer-standby";
  }
  return "any";
}

bool needs_primary(target_session_attrs route) noexcept {
  return route == target_session_attrs::read_write || route == target_session_attrs::primary;
}

std::string_view to_string(balance value) noexcept {
  switch (value) {
    case balance::round_robin:
      return "round-robin";
    case balance::least_sessions:
      return "least-sessions";
  }
  return "round-robin";
}

}  // namespace pgsteer::routing
