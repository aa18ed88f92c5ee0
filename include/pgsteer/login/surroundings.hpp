#pragma once
// surroundings: what a login reads while it goes on, and where it takes its places. Outlives the login.
//
// References; one worker's thread.
#include <cstddef>
#include <functional>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/login/admission.hpp"
#include "pgsteer/login/hold_line.hpp"
#include "pgsteer/metrics/server_counters.hpp"
#include "pgsteer/runtime/state.hpp"

namespace pgsteer::login {

struct surroundings {
  const runtime::state_ptr& state;  // the present one, always
  std::size_t listener;             // its place in state's options
  metrics::listener_counters& counters;
  metrics::cancel_counters& cancel_counters;
  hold_line& holds;
  permit_pools& permits;
  const std::function<void()>& wake;  // posts woken to this login; any thread
  time_point arrived;                 // when its client was accepted

  // By the present state, as everything that may change.
  [[nodiscard]] const runtime::listener_options& listener_options() const noexcept {
    return state->listener(listener);
  }
  [[nodiscard]] routing::target_session_attrs route() const noexcept {
    return listener_options().policy.route;
  }
  [[nodiscard]] const runtime::login_options& timeouts() const noexcept { return state->options->login; }
  [[nodiscard]] const runtime::limit_options& limits() const noexcept { return state->options->limits; }
};

}  // namespace pgsteer::login
