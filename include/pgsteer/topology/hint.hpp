#pragma once
// hint: what sessions, logins and discovery noticed at a backend, as a reason to probe it.
//
// A hint changes no role; only a probe's answer does. A value; any thread.

namespace pgsteer::topology {

enum class hint {
  session_lost,       // its connection failed
  session_ended,      // by the backend, orderly: for many reasons, such as idle_session_timeout
  login_slow,         // perhaps only this login
  login_failed,       // refused or hung, or the backend's role or state has changed
  discovery_changed,  // what discovery is told of it: its readiness, its labels, that it is being deleted
};
inline constexpr int hint_count = 5;

}  // namespace pgsteer::topology
