#pragma once
// surroundings: what a login reads while it goes on, and where it takes its places. Outlives the login.
//
// References; one worker's thread.
#include "pgsteer/base/clock.hpp"
#include "pgsteer/base/permit.hpp"
#include "pgsteer/login/options.hpp"
#include "pgsteer/login/waiting_lines.hpp"
#include "pgsteer/metrics/server_counters.hpp"
#include "pgsteer/routing/options.hpp"
#include "pgsteer/topology/snapshot.hpp"

namespace pgsteer::login {

struct surroundings {
  const login_options& options;
  const routing::route_policy& policy;  // of the listener, as the next two
  duration hold_timeout;
  metrics::listener_counters& counters;
  metrics::cancel_counters& cancel_counters;
  const topology::snapshot_ptr& snapshot;  // the present one, always
  dial_gate& dials;
  hold_line& holds;
  permit_pool& held_logins;
  permit_pool& cancels;
  waiter& who;         // this login
  time_point arrived;  // when its client was accepted
};

}  // namespace pgsteer::login
