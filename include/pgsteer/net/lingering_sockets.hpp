#pragma once
// lingering_sockets: sockets whose session is over, and whose peers have not acknowledged all that they were
// sent. Each is closed once its peer has, and what the peer sends meanwhile is discarded.
//
// Closed at once, it would lose the rest: a closed socket answers whatever still comes with a reset, and
// Linux drops what it has not sent by then (tcp_rcv_state_process() in net/ipv4/tcp_input.c; RFC 9293,
// 3.6.1). Owns the sockets, and no timer: whoever owns this calls look(). One thread at a time.
//
// Flow: add() -> look() again and again until none is left.
#include <deque>
#include <optional>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/net/unique_fd.hpp"

namespace pgsteer::net {

class lingering_sockets {
 public:
  static constexpr duration pause = milliseconds{50};  // between two looks

  struct limit {
    time_point until;  // it is closed then in any case
    // Beyond that the oldest is closed: nobody gains many descriptors by not reading.
    std::size_t sockets_max;
  };
  // Ends our sending direction. Precondition: sockets_max > 0.
  void add(unique_fd fd, const limit& most);
  // Returns after what time to look again; nothing: none is left.
  [[nodiscard]] std::optional<duration> look(time_point now);
  [[nodiscard]] std::size_t size() const noexcept { return sockets_.size(); }

 private:
  struct lingering {
    unique_fd fd;
    time_point until;
  };
  void close_those_done();

  std::deque<lingering> sockets_;  // oldest first
};

}  // namespace pgsteer::net
