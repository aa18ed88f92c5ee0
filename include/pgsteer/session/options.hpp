#pragma once
// Options of listeners and sessions; filled by config, checked here.
#include <cstdint>
#include <string>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/base/endpoint.hpp"
#include "pgsteer/base/result.hpp"
#include "pgsteer/login/options.hpp"
#include "pgsteer/net/options.hpp"
#include "pgsteer/routing/options.hpp"

namespace pgsteer::session {

struct listener_options {
  std::string name;  // metric label and log field; unique
  endpoint bind;     // port 0 asks the kernel for a free one
  routing::route_policy policy;
  // A login waits this long for a backend before FATAL 57P03; an unplanned failover by Patroni with its
  // default ttl of 30 s takes longer, a switchover does not.
  duration hold_timeout = seconds{10};
};

struct session_options {
  std::uint32_t sessions_max = 10'000;       // two sockets each; RLIMIT_NOFILE must be twice this and more
  std::uint32_t pending_logins_max = 1'000;  // accepted, not yet logged in, held ones included
  std::uint32_t held_logins_max = 1'000;
  std::uint32_t concurrent_dials_max = 64;    // per worker; each dial is a fork on a backend
  std::uint32_t concurrent_cancels_max = 64;  // each is a dial to one or more backends
  login::login_options login;
  net::tcp_options tcp;
};

// Errors: errc::invalid_options with what to change is config's; these are the last line of defence.
[[nodiscard]] result<void> check(const listener_options& options);
[[nodiscard]] result<void> check(const session_options& options);

}  // namespace pgsteer::session
