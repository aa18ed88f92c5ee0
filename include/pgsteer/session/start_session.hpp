#pragma once
// start_session(): hands an accepted client to a worker; the session keeps itself alive until it is over.
//
// Not the session itself (src/session/session.hpp). On the thread of the worker that it is handed to.
#include <optional>

#include "pgsteer/base/endpoint.hpp"
#include "pgsteer/net/permit.hpp"
#include "pgsteer/net/socket.hpp"
#include "pgsteer/net/unique_fd.hpp"
#include "pgsteer/session/worker_context.hpp"

namespace pgsteer::session {

// A connection as the acceptor hands it over.
struct accepted_client {
  net::unique_fd fd;
  net::tcp::endpoint address;
  std::optional<net::permit> session_permit;  // unset: limits.sessions is reached; tell the client so
  std::optional<net::permit> login_permit;    // unset: limits.pending_logins is reached
  net::permit refusal_permit;                 // set if one of the two is not
  time_point accepted_at;
};

// Starts the session; it keeps itself alive until it is over. On the worker's thread.
void start_session(worker_context& worker, listener_state& listener, accepted_client client);

}  // namespace pgsteer::session
