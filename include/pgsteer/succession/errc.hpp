#pragma once
// Errors of the succession module. Each enumerator says what happened and who is at fault.
#include "pgsteer/base/result.hpp"

namespace pgsteer::succession {

enum class errc {
  peer_gone = 1,   // the other process: it has ended, or takes nothing any more
  timed_out,       // the other process: it did not answer in time
  not_understood,  // the other process: it speaks another format
};

[[nodiscard]] const boost::system::error_category& succession_category() noexcept;
[[nodiscard]] inline error_code make_error_code(errc value) noexcept {
  return {static_cast<int>(value), succession_category()};
}

}  // namespace pgsteer::succession

template <>
struct boost::system::is_error_code_enum<pgsteer::succession::errc> : std::true_type {};
