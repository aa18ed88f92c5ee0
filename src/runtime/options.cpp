#include "pgsteer/runtime/options.hpp"

#include <algorithm>

namespace pgsteer::runtime {

bool are_valid(const listener_options& options) noexcept {
  return !options.name.empty() && !options.bind.host.empty() && options.hold_timeout >= duration::zero();
}

bool are_valid(const limit_options& options) noexcept {
  return options.held_logins_max > 0 && options.held_logins_max <= options.pending_logins_max &&
         options.pending_logins_max <= options.sessions_max && options.concurrent_dials_max > 0 &&
         options.concurrent_cancels_max > 0;
}

bool are_valid(const login_options& options) noexcept {
  const duration zero = duration::zero();
  return options.startup_timeout > zero && options.connect_timeout > zero &&
         options.connect_timeout <= options.login_timeout && options.cancel_timeout > zero;
}

bool are_valid(const options& all) noexcept {
  const auto is_valid = [](const listener_options& each) { return are_valid(each); };
  return all.encrypted_idle_time > duration::zero() && all.linger_timeout > duration::zero() &&
         all.lingering_max > 0 && std::ranges::all_of(all.listeners, is_valid) && are_valid(all.limits) &&
         are_valid(all.login) && net::are_valid(all.tcp);
}

}  // namespace pgsteer::runtime
