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
#include <boost/intrusive/list_hook.hpp>
#include <cstdint>
#include <optional>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/relay/engine.hpp"
#include "pgsteer/relay/socket_io.hpp"
#include "relay/flow.hpp"
#include "relay/flow_ending.hpp"
#include "relay/progress_guard.hpp"
#include "relay/splice_pipe.hpp"
#include "relay/stall_guard.hpp"
#include "relay/stuck_bytes.hpp"

namespace pgsteer::relay {

class epoll_flow;

struct flow_socket {
  epoll_flow* owner = nullptr;
  int fd = -1;
  int error = 0;            // what a system call on it returned
  bool may_read = false;    // an edge came and no read has been short since
  bool may_write = true;    // no write has been short since the last edge
  bool is_hung_up = false;  // an end or an error is behind the bytes: read on after a short read
  bool has_failed = false;  // ends the flow; error may still be unknown
  bool is_at_end = false;   // a read returned 0
  stall_guard guard;
};

// What an engine lends to each flow for a turn.
struct turn_resources {
  mutable_byte_span buffer;
  pipe_pool& pipes;
  std::uint32_t reads_max = 1;
  std::array<std::uint64_t, 2> bytes{};  // counted here, added to the atomic counters once a turn
  std::uint64_t stalls = 0;
  std::uint64_t spliced_bytes = 0;
  bool has_told_owner = false;
};

class epoll_flow final : public flow {
 public:
  using hook = boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
  enum class outcome { waits, wants_another_turn, ended };

  explicit epoll_flow(const flow_start& start);

  void on_event(flow_socket& socket, std::uint32_t events) noexcept;
  outcome pump(turn_resources& turn);
  // The first call decides; later ones change nothing.
  void finish(flow_end end, int error = 0);
  // Precondition: has_ended().
  void release(pipe_pool& pipes) noexcept;

  [[nodiscard]] flow_socket& socket(side which) noexcept { return sockets_[index(which)]; }
  [[nodiscard]] flow_owner& owner() const noexcept { return *owner_; }
  [[nodiscard]] bool has_ended() const noexcept { return summary_.has_value(); }
  // Precondition: has_ended().
  [[nodiscard]] const flow_summary& summary() const noexcept { return *summary_; }
  // One side has ended, even if the other has not taken all that came before it.
  [[nodiscard]] bool is_half_closed() const noexcept { return ending_.has_begun(); }
  [[nodiscard]] std::uint64_t bytes_moved() const noexcept { return halves_[0].bytes + halves_[1].bytes; }
  [[nodiscard]] std::size_t stuck_capacity(side source) const noexcept {
    return halves_[index(source)].stuck.capacity();
  }
  // A destination does not take what is there for it.
  [[nodiscard]] bool is_stalled() const noexcept {
    return halves_[0].holds_bytes() || halves_[1].holds_bytes();
  }

  hook in_all;
  hook in_queue;  // ready or ended
  hook in_half_closed;
  time_point quiet_since{};  // half-closed and no byte moved since
  std::uint64_t bytes_at_quiet = 0;

 private:
  struct half_relay {
    stuck_bytes stuck;
    std::unique_ptr<splice_pipe> pipe;  // while it moves bulk
    std::uint64_t bytes = 0;            // delivered
    bool is_unseen = false;             // stuck holds initial bytes that the watcher has not been shown
    bool is_bulk = false;               // the last read filled the buffer
    bool is_done = false;               // nothing will be sent this way any more

    [[nodiscard]] bool holds_bytes() const noexcept {
      return !stuck.empty() || (pipe != nullptr && !pipe->empty());
    }
  };

  [[nodiscard]] bool can_step(side source) const noexcept;
  [[nodiscard]] std::optional<side> next_step() noexcept;
  void step(side source, turn_resources& turn);
  void read(side source, turn_resources& turn);
  void note_no_bytes(side source, const io_outcome& got) noexcept;
  void pass_on(side source, byte_span bytes, turn_resources& turn);
  std::size_t write(side source, byte_span bytes, turn_resources& turn);
  void flush(side source, turn_resources& turn);
  [[nodiscard]] bool splice(side source, turn_resources& turn);
  void drain_pipe(side source, turn_resources& turn);
  void close_direction(side source);
  void fail_destination(side source, int error) noexcept;
  void settle_failures();
  [[nodiscard]] bool accept(side source, byte_span bytes, turn_resources& turn);

  std::array<flow_socket, 2> sockets_;
  std::array<half_relay, 2> halves_;
  flow_owner* owner_;
  flow_ending ending_;
  std::optional<flow_summary> summary_;
  side turn_of_ = side::client;  // who is read next when both could be
  bool is_watched_;
  bool has_progressed_ = false;  // in this pump
  progress_guard progress_;
};

}  // namespace pgsteer::relay
