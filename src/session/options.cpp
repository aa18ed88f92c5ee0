#include "pgsteer/session/options.hpp"

#include "pgsteer/session/errc.hpp"

namespace pgsteer::session {
namespace {

bool are_limits_valid(const session_options& options) {
  return options.held_logins_max > 0 && options.held_logins_max <= options.pending_logins_max &&
         options.pending_logins_max <= options.sessions_max && options.concurrent_dials_max > 0 &&
         options.concurrent_cancels_max > 0;
}

}  // namespace

result<void> check(const listener_options& options) {
  if (options.name.empty() || options.bind.host.empty() || options.hold_timeout < duration::zero())
    return errc::invalid_options;
  return {};
}

result<void> check(const session_options& options) {
  if (!are_limits_valid(options) || !login::are_valid(options.login)) return errc::invalid_options;
  return net::check(options.tcp);
}

}  // namespace pgsteer::session
