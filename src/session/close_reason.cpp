#include "pgsteer/session/close_reason.hpp"

namespace pgsteer::session {

close_description describe(close_reason reason) noexcept {
  using enum log_level;
  switch (reason) {
    case close_reason::client_closed:
      return {info, "client_closed", "", ""};
    case close_reason::backend_closed:
      return {info, "backend_closed", "", ""};
    case close_reason::client_lost:
      return {info, "client_lost", "", ""};
    case close_reason::backend_lost:
      return {warning, "backend_lost", "", ""};  // what the client read may end anywhere: a reset
    case close_reason::cancel_request:
      return {debug, "cancel_request", "", ""};
    case close_reason::login_failed:
      return {info, "login_failed", "", ""};
    case close_reason::client_left_early:
      return {debug, "client_left_early", "", ""};
    case close_reason::malformed_startup:
      return {info, "malformed_startup", "08P01", "invalid startup packet"};
    case close_reason::startup_timeout:
      return {info, "startup_timeout", "", ""};
    case close_reason::login_timeout:
      return {warning, "login_timeout", "57P03", "the login did not finish in time"};
    case close_reason::hold_timeout:
      return {warning, "hold_timeout", "57P03", "no usable backend"};
    case close_reason::too_many_sessions:
      return {warning, "too_many_sessions", "53300", "sorry, too many clients already"};
    case close_reason::too_many_logins:
      return {warning, "too_many_logins", "53300", "sorry, too many logins are waiting already"};
    case close_reason::backend_misbehaved:
      return {warning, "backend_misbehaved", "08P01", "the backend did not answer in PostgreSQL's protocol"};
    case close_reason::stale_primary:
      return {warning, "stale_primary", "57P03", "the backend is no longer the primary; try again"};
    case close_reason::lost_role:
      return {warning, "lost_role", "57P01",
              "terminating connection because the backend is no longer the primary"};
    case close_reason::fenced:
      return {warning, "fenced", "57P01", "terminating connection because the backend is no longer used"};
    case close_reason::backend_shutting_down:
      return {info, "backend_shutting_down", "57P01",
              "terminating connection because the backend is shutting down"};
    case close_reason::backend_drained:
      return {info, "backend_drained", "57P01",
              "terminating connection because the operator drains the backend"};
    case close_reason::half_closed_too_long:
      return {info, "half_closed_too_long", "", ""};
    case close_reason::draining:
      return {info, "draining", "57P01", "terminating connection because pgsteer is stopping"};
    case close_reason::killed:
      return {info, "killed", "57P01", "terminating connection due to administrator command"};
    case close_reason::local_trouble:
      return {log_level::error, "local_trouble", "53000", "pgsteer is out of resources"};
  }
  return {log_level::error, "unknown", "", ""};
}

}  // namespace pgsteer::session
