#include "pgsteer/login/admission.hpp"

namespace pgsteer::login {

admission admit(const admission_limits& limits) noexcept {
  auto session = limits.sessions.take();
  auto login = session ? limits.pending_logins.take() : std::nullopt;
  if (login) return admitted{std::move(*session), std::move(*login)};
  const close_reason reason = session ? close_reason::too_many_logins : close_reason::too_many_sessions;
  auto refusal = limits.refusals.take();
  if (!refusal) return shut_out{reason};
  return refused{reason, std::move(*refusal)};
}

}  // namespace pgsteer::login
