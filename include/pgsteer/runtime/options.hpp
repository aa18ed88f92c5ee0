#pragma once
// The options that sessions go by as the present state has them, not as they were when they began: listeners,
// limits, time-outs.
// Filled by config, checked here. Values; any thread.
#include <cstdint>
#include <string>
#include <vector>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/base/endpoint.hpp"
#include "pgsteer/net/options.hpp"
#include "pgsteer/routing/options.hpp"

namespace pgsteer::runtime {

struct listener_options {
  std::string name;  // metric label and log field; unique
  endpoint bind;     // port 0 asks the kernel for a free one
  routing::route_policy policy;
  // A login waits this long for a backend before FATAL 57P03; an unplanned failover by Patroni with its
  // default ttl of 30 s takes longer, a switchover does not.
  duration hold_timeout = seconds{10};

  friend bool operator==(const listener_options&, const listener_options&) = default;
};
[[nodiscard]] bool are_valid(const listener_options& options) noexcept;

struct limit_options {
  std::uint32_t sessions_max = 10'000;       // two sockets each; RLIMIT_NOFILE must be twice this and more
  std::uint32_t pending_logins_max = 1'000;  // accepted, not yet logged in, held ones included
  std::uint32_t held_logins_max = 1'000;
  std::uint32_t concurrent_dials_max = 64;    // at one backend, where each is a fork
  std::uint32_t concurrent_cancels_max = 64;  // each is a dial to one or more backends

  friend bool operator==(const limit_options&, const limit_options&) = default;
};
[[nodiscard]] bool are_valid(const limit_options& options) noexcept;

// How long each step of a login may take.
struct login_options {
  duration startup_timeout = seconds{10};  // for the whole first packet; PostgreSQL: 60 s
  // One TCP connect, and the answer to a request for encryption. A first answer to a login that takes longer
  // makes the backend be probed at once.
  duration connect_timeout = seconds{1};
  duration login_timeout = seconds{60};  // authentication_timeout's default
  duration cancel_timeout = seconds{2};  // a cancel older than this could hit another query

  friend bool operator==(const login_options&, const login_options&) = default;
};
[[nodiscard]] bool are_valid(const login_options& options) noexcept;

struct options {
  std::vector<listener_options> listeners;
  limit_options limits;
  login_options login;
  net::tcp_options tcp;
  // Whoever has just logged in is about to ask something, which an end now would fail: a session that may
  // wait for its idle moment does not count as idle for so long after its login. Not a key: a driver's first
  // query follows within a round trip, and CloudNativePG stops an old primary 0.1 to 0.5 s after it said so.
  duration first_query_time = milliseconds{100};
  // The same where a drain calls it to leave, which is in no hurry: at most half of drain_timeout.
  duration first_query_time_of_drain = seconds{5};
  // An encrypted session, whose transactions nobody sees, is idle for whoever waits for that once its backend
  // has spoken last and it has been quiet for so long (relay::engine::stop_when_idle()). Its login cannot be
  // seen either, and counts as over after that, or after first_query_time where the backend will not wait.
  duration encrypted_idle_time = seconds{1};
  // A client that has not acknowledged all that it was sent keeps its socket for so long, at most, after its
  // session was ended here. Not a key: the time that relay.half_close_timeout has by default.
  duration linger_timeout = seconds{30};
  // Of one worker. Not a key: fewer where the limit of open files is low.
  std::uint32_t lingering_max = 256;

  friend bool operator==(const options&, const options&) = default;
};
[[nodiscard]] bool are_valid(const options& all) noexcept;

}  // namespace pgsteer::runtime
