#pragma once
// Errors of the server module. Each enumerator says what happened and who is at fault.
#include "pgsteer/base/result.hpp"

namespace pgsteer::server {

enum class errc {
  cannot_listen = 1,  // operator or host: an address is taken, not ours or not allowed; see failure()
  cannot_start,       // host: no relay engine, no thread; operator: the folder of the fence; see failure()
};

[[nodiscard]] const boost::system::error_category& server_category() noexcept;
[[nodiscard]] inline error_code make_error_code(errc value) noexcept {
  return {static_cast<int>(value), server_category()};
}

}  // namespace pgsteer::server

template <>
struct boost::system::is_error_code_enum<pgsteer::server::errc> : std::true_type {};
