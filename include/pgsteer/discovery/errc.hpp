#pragma once
// Errors of the discovery module. Each enumerator says what happened and who is at fault.
#include "pgsteer/base/result.hpp"

namespace pgsteer::discovery {

enum class errc {
  invalid_options = 1,  // operator: no backend is named, or a refresh interval is not positive
};

[[nodiscard]] const boost::system::error_category& discovery_category() noexcept;
[[nodiscard]] inline error_code make_error_code(errc value) noexcept {
  return {static_cast<int>(value), discovery_category()};
}

}  // namespace pgsteer::discovery

template <>
struct boost::system::is_error_code_enum<pgsteer::discovery::errc> : std::true_type {};
