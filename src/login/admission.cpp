#include "pgsteer/login/admission.hpp"

namespace pgsteer::login {

admission admit(permit_pools& pools, const runtime::limit_options& limits) noexcept {
  auto session = pools.sessions.take(limits.sessions_max);
  auto login = session ? pools.pending_logins.take(limits.pending_logins_max) : std::nullopt;
  if (login) return admitted{std::move(*session), std::move(*login)};
  const close_reason reason = session ? close_reason::too_many_logins : close_reason::too_many_sessions;
  auto refusal = pools.refusals.take(refusals_max);
  if (!refusal) return shut_out{reason};
  return refused{reason, std::move(*refusal)};
}

std::optional<permit> admit_cancel(permit_pools& pools, const runtime::limit_options& limits) noexcept {
  return pools.cancels.take(limits.concurrent_cancels_max);
}

std::optional<permit> admit_held(permit_pools& pools, const runtime::limit_options& limits) noexcept {
  return pools.held_logins.take(limits.held_logins_max);
}

}  // namespace pgsteer::login
