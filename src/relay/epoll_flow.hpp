#pragma once
// epoll_flow: two half-relays between the two sockets of one session, driven by edge-triggered readiness.
//
// Knows nothing of epoll sets, lists of flows or Asio (that is epoll_engine, which owns it). Worker's thread.
//
// Flow: on_event() for each readiness edge -> pump() once a turn, until it says waits or ended.
//
// A direction moves bytes only while nothing of it is stuck, so a destination that does not take bytes stops
// the reading of its source, and the kernel's window stops the peer. EOF of a source, once all is delivered,
// becomes shutdown(SHUT_WR) of its destination. A direction whose reads fill the buffer goes through a pipe
// for as long as its source has much to give. A socket that failed ends the flow as soon as what it had sent
// before is delivered, or the other side does not take it.
#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <optional>

#include "pgsteer/relay/socket_io.hpp"
#include "relay/flow.hpp"

namespace pgsteer::relay {

class epoll_flow;

// What epoll has told of a socket.
struct epoll_edges {
  epoll_flow* owner = nullptr;
  bool may_read = false;  // an edge came and no read has been short since
  bool may_write = true;  // no write has been short since the last edge
  bool has_much = false;  // the last read filled the buffer
};

struct epoll_turn : flow_turn {
  mutable_byte_span buffer;
  std::uint32_t reads_max = 1;
};

class epoll_flow final : public flow {
 public:
  enum class outcome { waits, wants_another_turn, ended };

  explicit epoll_flow(const flow_start& start);

  static void on_event(epoll_edges& told, std::uint32_t events) noexcept {
    told.owner->on_event(&told == &told.owner->edges_[0] ? side::client : side::backend, events);
  }
  outcome pump(epoll_turn& turn);

  using flow::detach;
  using flow::fd;
  [[nodiscard]] epoll_edges& edges(side which) noexcept { return edges_[index(which)]; }

 private:
  void on_event(side which, std::uint32_t events) noexcept;
  [[nodiscard]] bool can_step(side source) const noexcept;
  [[nodiscard]] std::optional<side> next_step() noexcept;
  void step(side source, epoll_turn& turn);
  void read(side source, epoll_turn& turn);
  void note_no_bytes(side source, const io_outcome& got) noexcept;
  void pass_on(side source, byte_span bytes, epoll_turn& turn);
  std::size_t write(side source, byte_span bytes, epoll_turn& turn);
  void flush(side source, epoll_turn& turn);
  [[nodiscard]] bool splice(side source, epoll_turn& turn);
  void drain_pipe(side source, epoll_turn& turn);
  void lose_destination(side source, int error, epoll_turn& turn) noexcept;

  std::array<epoll_edges, 2> edges_;
  side turn_of_ = side::client;  // who is read next when both could be
};

}  // namespace pgsteer::relay
