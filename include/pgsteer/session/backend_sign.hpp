#pragma once
// backend_sign: what a session has to tell of its backend, as a reason to ask the backend itself.
//
// A sign changes no role; only a probe's answer does.

namespace pgsteer::session {

enum class backend_sign {
  session_lost,   // its connection failed
  session_ended,  // by the backend, orderly: for many reasons, such as idle_session_timeout
  login_slow,     // perhaps only this login
  login_failed,   // refused or hung, or the backend's role or state has changed
};
inline constexpr int backend_sign_count = 4;

}  // namespace pgsteer::session
