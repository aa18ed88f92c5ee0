#pragma once
// The end of a session: its reason, what the client is told if it is at a point where it can read that, and
// the line in the log.
//
// Free functions; the worker's thread. The sockets are closed by their owner, afterwards.
#include <optional>
#include <string_view>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/base/endpoint.hpp"
#include "pgsteer/login/action.hpp"
#include "pgsteer/net/socket.hpp"
#include "pgsteer/relay/engine.hpp"
#include "pgsteer/session/close_reason.hpp"
#include "pgsteer/session/session_id.hpp"
#include "session/leg.hpp"

namespace pgsteer::session {

// Of a session whose bytes were relayed. login_end: why its login failed, if it did. requested: why somebody
// else wants it to end; set if the flow was stopped.
[[nodiscard]] close_reason reason_of(const relay::flow_summary& summary,
                                     std::optional<close_reason> login_end,
                                     std::optional<close_reason> requested);

// What becomes of the client's socket.
enum class last_step {
  close,
  linger,  // the client may not have got all that is meant for it: net/lingering_sockets.hpp
};

// Of a login that comes to nothing: its own words, or those of the reason.
[[nodiscard]] last_step tell_why_no_login(leg& client, const login::ending& end);

// Of a session whose bytes were relayed. message: instead of the reason's own; empty: none. can_speak: the
// client can read a message although it is not idle.
[[nodiscard]] last_step tell_why_over(int client_fd, close_reason reason, const relay::flow_summary& summary,
                                      std::string_view message, bool can_speak);

struct session_facts {
  session_id id;
  std::string_view listener;
  const net::tcp::endpoint& client;
  std::string_view user;
  std::string_view database;
  const endpoint& backend;  // without a host: none
  time_point accepted_at;
  std::string_view detail;
};
void log_end(const session_facts& facts, close_reason reason, const relay::flow_summary& summary);

}  // namespace pgsteer::session
