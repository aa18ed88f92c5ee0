#include "pgsteer/session/listed_session.hpp"

namespace pgsteer::session {

std::string_view to_string(session_stage stage) noexcept {
  switch (stage) {
    case session_stage::logging_in:
      return "logging in";
    case session_stage::held:
      return "held";
    case session_stage::cancelling:
      return "cancel request";
    case session_stage::idle:
      return "idle";
    case session_stage::in_transaction:
      return "in transaction";
    case session_stage::busy:
      return "busy";
    case session_stage::encrypted:
      return "encrypted";
    case session_stage::ending:
      return "ending";
  }
  return "unknown";
}

}  // namespace pgsteer::session
