#pragma once
// Errors of the session module. Each enumerator says what happened and who is at fault.
#include "pgsteer/base/result.hpp"

namespace pgsteer::session {

enum class errc {
  invalid_options = 1,  // operator: a listener_options or session_options value is out of range
};

[[nodiscard]] const boost::system::error_category& session_category() noexcept;
[[nodiscard]] inline error_code make_error_code(errc value) noexcept {
  return {static_cast<int>(value), session_category()};
}

}  // namespace pgsteer::session

template <>
struct boost::system::is_error_code_enum<pgsteer::session::errc> : std::true_type {};
