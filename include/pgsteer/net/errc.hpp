#pragma once
// Errors of the net module. Each enumerator says what happened and who is at fault.
#include "pgsteer/base/result.hpp"

namespace pgsteer::net {

enum class errc {
  not_numeric = 1,  // us: an address that should have been resolved before is not an IP literal
};

[[nodiscard]] const boost::system::error_category& net_category() noexcept;
[[nodiscard]] inline error_code make_error_code(errc value) noexcept {
  return {static_cast<int>(value), net_category()};
}

}  // namespace pgsteer::net

template <>
struct boost::system::is_error_code_enum<pgsteer::net::errc> : std::true_type {};
