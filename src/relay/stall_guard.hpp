#pragma once
// stall_guard: keeps TCP_USER_TIMEOUT from ending a connection whose peer is alive but does not read.
//
// TCP_USER_TIMEOUT is there to find peers that are gone. Linux also applies it to a peer that answers every
// window probe with "still no room" (tcp_probe_timer, net/ipv4/tcp_timer.c), so a client that pauses in the
// middle of a large result for longer than the time-out would lose its session. While the window is closed
// the option is therefore taken off; a peer that dies in such a pause is found by tcp_retries2 instead, after
// about 15 minutes of unanswered probes.
//
// Cost: SIOCOUTQ, a read of two counters, for each socket; TCP_INFO (which locks the socket and copies 250
// bytes) only for one with something unsent or unacknowledged. Looked at every 10 s, 10,000 sessions with
// both sockets are 2,000 calls a second, about 0.05 % of a core. A user time-out below two such intervals (20
// s) can strike before the guard has looked.
#include <cstdint>

namespace pgsteer::relay {

// What was taken off one socket; one per socket.
struct stall_guard {
  std::uint32_t user_timeout_taken_ms = 0;

  // Takes the option off if the peer's window is closed; puts it back once that is over. Sockets that are not
  // TCP are left alone.
  void look_at(int fd) noexcept;
};

}  // namespace pgsteer::relay
