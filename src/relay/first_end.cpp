#include "relay/first_end.hpp"

#include "pgsteer/net/socket.hpp"

namespace pgsteer::relay {

side first_end(side noticed, bool is_readable_protocol, const ready_tail& tail, int client_fd) noexcept {
  const bool is_the_clients =
      is_readable_protocol ? tail.is_terminated() : net::peek(client_fd) == net::pending_input::end_or_error;
  return is_the_clients ? side::client : noticed;
}

}  // namespace pgsteer::relay
