#pragma once
// Errors of the topology module: only its options can be wrong, and that is the operator's.
#include "pgsteer/base/result.hpp"

namespace pgsteer::topology {

enum class errc {
  role_ttl_not_positive = 1,  // operator: knowledge would be too old the moment it arrives
  dead_after_below_role_ttl,  // operator: sessions would be closed before new logins are held
};

[[nodiscard]] const boost::system::error_category& topology_category() noexcept;
[[nodiscard]] inline error_code make_error_code(errc value) noexcept {
  return {static_cast<int>(value), topology_category()};
}

}  // namespace pgsteer::topology

template <>
struct boost::system::is_error_code_enum<pgsteer::topology::errc> : std::true_type {};
