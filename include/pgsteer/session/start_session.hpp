#pragma once
// start_session(): hands an accepted client to a worker; the session keeps itself alive until it is over.
//
// Not the session itself (src/session/session.hpp). On the thread of the worker that it is handed to.
#include <variant>

#include "pgsteer/base/endpoint.hpp"
#include "pgsteer/login/admission.hpp"
#include "pgsteer/login/lease.hpp"
#include "pgsteer/net/socket.hpp"
#include "pgsteer/net/unique_fd.hpp"
#include "pgsteer/session/carried_session.hpp"
#include "pgsteer/session/worker_context.hpp"

namespace pgsteer::session {

// A connection as the acceptor hands it over.
struct accepted_client {
  net::unique_fd fd;
  net::tcp::endpoint address;
  std::variant<login::admitted, login::refused> admission;
  time_point accepted_at;
  session_id id = {};
};

// Starts the session; it keeps itself alive until it is over. On the worker's thread.
void start_session(worker_context& worker, listener_state& listener, accepted_client client);
// Carries a session on that was taken out elsewhere; it counts against the limits, and none of them keeps it
// out. backend: where it has its connection, as this process knows it. On the worker's thread.
void start_session(worker_context& worker, listener_state& listener, carried_session carried,
                   login::picked_backend backend);

}  // namespace pgsteer::session
