#pragma once
// close_reason: why a session ended, in its login or later. Exactly one per session.
//
// Values only; any thread. Log level, metric label and SQLSTATE: session::describe().
#include <cstddef>
#include <cstdint>

namespace pgsteer::login {

enum class close_reason : std::uint8_t {
  client_closed,          // the client ended it, as clients do
  backend_closed,         // the backend ended it
  client_lost,            // reset or time-out on the client's side
  backend_lost,           // reset or time-out on the backend's side
  cancel_request,         // the connection carried a CancelRequest and nothing else
  login_failed,           // the backend refused the login; its own words went to the client
  client_left_early,      // the client went away before it was logged in
  malformed_startup,      // the client's first bytes are not PostgreSQL's protocol
  startup_timeout,        // no whole startup packet in time
  login_timeout,          // authentication was not over in time
  hold_timeout,           // no usable backend in time
  too_many_sessions,      // limits.sessions
  too_many_logins,        // limits.pending_logins or limits.held_logins
  backend_misbehaved,     // the backend answered in something other than PostgreSQL's protocol
  stale_primary,          // an rw login reached a backend that says it is in hot standby
  lost_role,              // the backend is no longer the primary
  fenced,                 // the backend is on a discarded timeline, foreign, or given up as dead
  backend_shutting_down,  // the backend waits for its sessions to end, and this one was idle
  backend_drained,        // by the operator's order, and this session was idle
  half_closed_too_long,   // one side ended and the other never did
  draining,               // pgsteer is stopping
  killed,                 // an operator has ordered it
  local_trouble,          // this host ran out of something (descriptors, memory), or pgsteer is at fault
};
inline constexpr std::size_t close_reason_count = static_cast<std::size_t>(close_reason::local_trouble) + 1;

}  // namespace pgsteer::login
