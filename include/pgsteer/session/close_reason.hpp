#pragma once
// describe(): log level, metric label and SQLSTATE of each reason for a session to end, from one switch.
//
// Not the reasons themselves (login/close_reason.hpp). Any thread.
#include <string_view>

#include "pgsteer/base/log.hpp"
#include "pgsteer/login/close_reason.hpp"

namespace pgsteer::session {

using login::close_reason;
using login::close_reason_count;

struct close_description {
  log_level level;
  std::string_view label;     // metric label and log field
  std::string_view sqlstate;  // what the client is told if it can be told; empty: nothing
  std::string_view message;   // with it
};
// sqlstate as in errcodes-appendix.html.
[[nodiscard]] close_description describe(close_reason reason) noexcept;

}  // namespace pgsteer::session
