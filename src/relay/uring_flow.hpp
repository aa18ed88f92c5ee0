#pragma once
// uring_flow: two half-relays between the two sockets of one session, driven by completions of an io_uring.
//
// Knows nothing of lists of flows or Asio (that is uring_engine, which owns it). Worker's thread.
//
// Flow: pump() -> on_completion() for each one -> pump() after a batch of them, until it says ended ->
// cancel_all() until is_kernels() is false -> summary().
//
// A direction: one multishot receive fills buffers of the worker's ring; each is sent on from where it lies,
// several together from one piece of memory; one send at a time, which completes with the submission. When a
// send is short, the direction is stalled: the receive is cancelled, what it had delivered joins what is
// stuck on the heap, and the room watch waits for the destination; the kernel's window stops the source. A
// source that delivers much at once goes through a pipe or is read in blocks instead, until it calms down.
// Each socket is also watched for its end or an error, as nothing else tells of them while nobody receives;
// what is left is then read in blocks too. EOF of a source, once all is delivered, becomes shutdown(SHUT_WR)
// of its destination. A socket that failed ends the flow as soon as what it had sent before is delivered, or
// the other side does not take it.
#include <algorithm>
#include <array>
#include <boost/intrusive/list_hook.hpp>
#include <cstdint>
#include <memory>
#include <optional>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/relay/engine.hpp"
#include "relay/flow.hpp"
#include "relay/flow_ending.hpp"
#include "relay/progress_guard.hpp"
#include "relay/room_watch.hpp"
#include "relay/splice_pipe.hpp"
#include "relay/stall_guard.hpp"
#include "relay/stuck_bytes.hpp"
#include "relay/uring_ring.hpp"

namespace pgsteer::relay {

// What an engine lends to each flow for a turn.
struct uring_turn {
  uring_ring& ring;
  pipe_pool& pipes;
  room_watch& room;
  std::uint64_t number = 0;
  std::size_t block_bytes = 1;
  std::uint32_t bytes_max = 1;           // that one direction may send
  std::array<std::uint64_t, 2> bytes{};  // counted here, added to the atomic counters once a turn
  std::uint64_t stalls = 0;
  std::uint64_t spliced_bytes = 0;
  bool has_much = false;  // a direction was given uring_buffers::bytes_per_portions_max
  turn_report report = {};
};

class uring_flow final : public flow {
 public:
  using hook = boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
  enum class outcome { waits, wants_another_turn, wants_buffers, ended };

  // A source that delivers this much at once is read in blocks, whose one large receive costs less than the
  // many small ones; one that has less to give is not.
  static constexpr std::uint32_t bulk_bytes_min = 16 * 1024;

  explicit uring_flow(const flow_start& start);

  // Only notes: calls no owner and prepares nothing.
  void on_completion(const uring_completion& done, uring_turn& turn);
  // The destination of source's bytes may take some again.
  void on_room(side source) noexcept;
  outcome pump(uring_turn& turn);
  // After wants_buffers: there are some again.
  void on_buffers() noexcept {
    for (relay_socket& socket : sockets_) socket.lacks_buffers = false;
  }
  // The first call decides; later ones change nothing.
  void finish(flow_end end, int error = 0) noexcept;
  // Moves no byte any more, not even one that pump() has handed to the ring.
  void revoke_sends(uring_ring& ring) noexcept;
  // Asks for every operation that is still the kernel's. Precondition: has_ended().
  void cancel_all(uring_ring& ring) noexcept;
  // Gives back what was received and not sent. Preconditions: has_ended(), !is_kernels().
  void release(uring_buffers& buffers, pipe_pool& pipes, room_watch& room) noexcept;

  [[nodiscard]] bool has_ended() const noexcept { return end_.has_value(); }
  // Operations of it are in flight, so it must not be destroyed.
  [[nodiscard]] bool is_kernels() const noexcept;
  // Has something to do once a send that it has prepared is done; else the news may wait for the next event.
  [[nodiscard]] bool awaits_sends() const noexcept;
  // Preconditions: has_ended(), !is_kernels(). Looks at the sockets.
  [[nodiscard]] flow_summary summary() const;

  [[nodiscard]] flow_owner& owner() const noexcept { return *owner_; }
  [[nodiscard]] int fd(side which) const noexcept { return sockets_[index(which)].fd; }
  [[nodiscard]] stall_guard& guard(side which) noexcept { return sockets_[index(which)].guard; }
  // One side has ended, even if the other has not taken all that came before it.
  [[nodiscard]] bool is_half_closed() const noexcept { return ending_.has_begun(); }
  [[nodiscard]] std::uint64_t bytes_moved() const noexcept { return halves_[0].bytes + halves_[1].bytes; }
  [[nodiscard]] std::size_t stuck_capacity(side source) const noexcept {
    return halves_[index(source)].stuck.capacity();
  }
  // A destination does not take what is there for it.
  [[nodiscard]] bool is_stalled() const noexcept { return halves_[0].is_stalled || halves_[1].is_stalled; }

  hook in_all;
  hook in_queue;  // ready, waiting for its next turn or for buffers, or ended
  hook in_half_closed;
  time_point quiet_since{};  // half-closed and no byte moved since
  std::uint64_t bytes_at_quiet = 0;

 private:
  // How a receive operation works.
  enum class reading : std::uint8_t {
    many,   // multishot, into the worker's buffers
    ready,  // waits until there is something
    block,  // what is there now, into memory of its own
  };
  struct relay_socket {
    int fd = -1;
    int error = 0;              // what an operation on it returned
    bool is_hung_up = false;    // an end or an error is behind the bytes
    bool has_failed = false;    // ends the flow; error may still be unknown
    bool is_at_end = false;     // a receive returned 0
    bool is_exhausted = false;  // at its end, or nothing can be read for an error
    bool is_bulk = false;
    bool is_empty = false;       // a block has read all there was
    bool lacks_buffers = false;  // a receive found none
    bool is_in_room_watch = false;
    reading mode = reading::many;
    stall_guard guard;
    uring_operation receive;
    uring_operation watch;
  };
  struct half_relay {
    uring_send send;
    buffer_queue received;
    std::unique_ptr<std::uint8_t[]> block;  // being read into
    stuck_bytes stuck;
    std::unique_ptr<splice_pipe> pipe;  // while it moves bulk
    std::uint64_t bytes = 0;            // delivered
    std::uint32_t allowance = 0;        // bytes it may still send in this turn
    buffer_id sending = no_buffer;      // the send is from this one, else from stuck
    bool is_unseen = false;             // stuck holds bytes that the watcher has not been shown
    bool is_stalled = false;            // the destination takes nothing now
    bool awaits_room = false;           // and the room watch will tell when it takes something again
    bool is_done = false;               // nothing will be sent this way any more

    void spend(std::size_t sent) noexcept {
      allowance -= static_cast<std::uint32_t>(std::min<std::size_t>(sent, allowance));
    }
  };

  void on_received(side source, const uring_completion& done, uring_turn& turn);
  void on_block(side source, std::size_t n, std::size_t block_bytes) noexcept;
  void on_receive_error(side source, int error) noexcept;
  void on_sent(side source, int result, uring_turn& turn);
  void on_hang_up(side which, int result) noexcept;

  void advance(side source, uring_turn& turn);
  void send_next(side source, uring_turn& turn);
  [[nodiscard]] bool gather(side source, std::size_t bytes_max, uring_turn& turn);
  [[nodiscard]] bool splice(side source, uring_turn& turn);
  void drain_pipe(side source, uring_turn& turn);
  void await_room(side source, uring_turn& turn) noexcept;
  void steer_reading(side source, uring_turn& turn);
  void start_reading(side source, uring_turn& turn);
  void close_direction(side source) noexcept;
  void fail_destination(side source, int error, uring_turn& turn) noexcept;
  void settle_failures() noexcept;
  [[nodiscard]] bool accept(side source, byte_span bytes, uring_turn& turn);
  [[nodiscard]] bool is_moving(side source) const noexcept;
  [[nodiscard]] bool wants_another_turn(side source) const noexcept;
  [[nodiscard]] bool are_last(side source) const noexcept;
  [[nodiscard]] bool holds_bytes(side source) const noexcept;

  std::array<relay_socket, 2> sockets_;
  std::array<half_relay, 2> halves_;
  flow_owner* owner_;
  std::uint64_t turn_number_ = 0;  // of the last pump
  flow_ending ending_;
  std::optional<flow_end> end_;
  int error_ = 0;
  bool is_watched_;
  bool has_bytes_left_ = false;  // received and never delivered
  bool has_progressed_ = false;  // since the last pump
  progress_guard progress_;
};

}  // namespace pgsteer::relay
