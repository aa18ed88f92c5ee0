#pragma once
// Errors of the relay module. Each enumerator says what happened and who is at fault.
#include "pgsteer/base/result.hpp"

namespace pgsteer::relay {

enum class errc {
  invalid_options = 1,  // operator: a relay_options value is out of range
};

[[nodiscard]] const boost::system::error_category& relay_category() noexcept;
[[nodiscard]] inline error_code make_error_code(errc value) noexcept {
  return {static_cast<int>(value), relay_category()};
}

}  // namespace pgsteer::relay

template <>
struct boost::system::is_error_code_enum<pgsteer::relay::errc> : std::true_type {};
