#pragma once
// carried_session: a client that is logged in, in between two owners: enough for start_session() of any
// worker, in this process or another, to carry the session on with no byte changed.
//
// A value that owns its two sockets and the secret of its cancel key; never log the secret. Names nothing of
// its process but the backend.
#include <optional>
#include <string>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/base/endpoint.hpp"
#include "pgsteer/net/socket.hpp"
#include "pgsteer/net/unique_fd.hpp"
#include "pgsteer/pgwire/cancel_key.hpp"
#include "pgsteer/relay/carried_flow.hpp"
#include "pgsteer/session/session_id.hpp"
#include "pgsteer/topology/types.hpp"

namespace pgsteer::session {

struct carried_session {
  net::unique_fd client;
  net::unique_fd backend_socket;
  session_id id;         // 0: of a process that gave it none
  std::string listener;  // its name
  net::tcp::endpoint client_address;
  topology::backend_id backend;  // of this process
  endpoint backend_address;      // numeric
  time_point accepted_at;
  time_point logged_in_at;
  std::string user;
  std::string database;
  std::string application_name;
  std::optional<pgwire::cancel_key> key;
  relay::carried_flow flow;
  // Another process did not want it: it is not offered again.
  bool is_to_stay = false;
};

}  // namespace pgsteer::session
