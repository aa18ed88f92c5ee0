#pragma once
// Errors of the admin module. Each enumerator says what happened and who is at fault.
#include "pgsteer/base/result.hpp"

namespace pgsteer::admin {

enum class errc {
  invalid_options = 1,  // operator: no address to listen on
};

[[nodiscard]] const boost::system::error_category& admin_category() noexcept;
[[nodiscard]] inline error_code make_error_code(errc value) noexcept {
  return {static_cast<int>(value), admin_category()};
}

}  // namespace pgsteer::admin

template <>
struct boost::system::is_error_code_enum<pgsteer::admin::errc> : std::true_type {};
