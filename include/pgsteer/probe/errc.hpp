#pragma once
// Errors of the probe module. Each enumerator says what happened and who is at fault.
#include "pgsteer/base/result.hpp"

namespace pgsteer::probe {

enum class errc {
  invalid_options = 1,  // operator: a probe_options value is out of range or contradicts another
};

[[nodiscard]] const boost::system::error_category& probe_category() noexcept;
[[nodiscard]] inline error_code make_error_code(errc value) noexcept {
  return {static_cast<int>(value), probe_category()};
}

}  // namespace pgsteer::probe

template <>
struct boost::system::is_error_code_enum<pgsteer::probe::errc> : std::true_type {};
