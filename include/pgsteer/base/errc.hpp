#pragma once
// Errors of the base module. Each enumerator says what happened and who is at fault.
#include "pgsteer/base/result.hpp"

namespace pgsteer {

enum class errc {
  malformed_endpoint = 1,  // operator: not host:port, or the port is not 0..65535
};

[[nodiscard]] const boost::system::error_category& base_category() noexcept;
[[nodiscard]] inline error_code make_error_code(errc value) noexcept {
  return {static_cast<int>(value), base_category()};
}

}  // namespace pgsteer

template <>
struct boost::system::is_error_code_enum<pgsteer::errc> : std::true_type {};
