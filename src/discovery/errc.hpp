#pragma once
// Errors of the discovery module. Each enumerator says what happened and who is at fault.
#include "pgsteer/base/result.hpp"

namespace pgsteer::discovery {

enum class errc {
  too_large = 1,  // the API server: an object, a value or a number of values beyond every bound of Kubernetes
  malformed,      // the API server, or something between: JSON, but no list and no watch event
  too_many,       // the operator: more objects are asked for than are kept: pod_set::pods_max,
                  // endpoint_zones::endpoints_max
};

[[nodiscard]] const boost::system::error_category& discovery_category() noexcept;
[[nodiscard]] inline error_code make_error_code(errc value) noexcept {
  return {static_cast<int>(value), discovery_category()};
}

}  // namespace pgsteer::discovery

template <>
struct boost::system::is_error_code_enum<pgsteer::discovery::errc> : std::true_type {};
