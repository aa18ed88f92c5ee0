#include "relay/flow_ending.hpp"

#include "pgsteer/net/socket.hpp"

namespace pgsteer::relay {

void flow_ending::note(side noticed, bool has_failed, const ready_tail& tail, int client_fd) noexcept {
  if (first_) return;
  first_ = noticed;
  is_orderly_ = !has_failed;
  if (noticed == side::client) return;
  if (tail.has_said_goodbye()) {
    first_ = side::client;
  } else if (!tail.is_readable()) {
    // Its goodbye may look like any other bytes. It knows nothing of the backend's end yet.
    const net::peer_state client = net::state_of_peer(client_fd);
    if (client == net::peer_state::present) return;
    first_ = side::client;
    is_orderly_ = client == net::peer_state::ended;
  }
}

// An end may be noticed before the bytes ahead of it are read, and the backend's answer be among them.
bool flow_ending::is_the_clients(const ready_tail& tail) const noexcept {
  return first_ != side::backend || tail.is_goodbye_answered();
}

flow_end flow_ending::when_closed(const ready_tail& tail) const noexcept {
  return is_the_clients(tail) ? flow_end::client_closed : flow_end::backend_closed;
}

flow_end flow_ending::when_failed(side which, const ready_tail& tail) const noexcept {
  const bool is_goodbye = is_the_clients(tail) && tail.has_said_goodbye();
  if (is_orderly_ || is_goodbye) return when_closed(tail);
  return which == side::client ? flow_end::client_failed : flow_end::backend_failed;
}

}  // namespace pgsteer::relay
