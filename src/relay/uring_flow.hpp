#pragma once
// uring_flow: two half-relays between the two sockets of one session, driven by completions of an io_uring.
//
// Knows nothing of lists of flows or Asio (that is uring_engine, which owns it). Worker's thread.
//
// Flow: pump() -> on_completion() for each one -> pump() after a batch of them, until it says ended ->
// cancel_all() until has_pending_operations() is false -> release(), tell_owner().
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
#include <cstdint>
#include <memory>

#include "relay/flow.hpp"
#include "relay/room_watch.hpp"
#include "relay/uring_ring.hpp"

namespace pgsteer::relay {

struct uring_turn : flow_turn {
  uring_ring& ring;
  room_watch& room;
  std::uint64_t number = 0;
  std::size_t block_bytes = 1;
  std::uint32_t bytes_max = 1;  // that one direction may send
  bool has_much = false;        // a direction was given uring_buffers::bytes_per_portions_max
};

class uring_flow final : public flow {
 public:
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
    for (reading& from : reads_) from.lacks_buffers = false;
  }
  // Moves no byte any more, not even one that pump() has handed to the ring.
  void revoke_sends(uring_ring& ring) noexcept;
  // Asks the kernel to cancel every operation that is still pending. Precondition: has_ended() or
  // is_to_detach().
  void cancel_all(uring_ring& ring) noexcept;
  // Preconditions: is_to_detach(), !has_pending_operations().
  void detach(uring_turn& turn);
  // Gives back what was received and not sent. Preconditions: has_ended(), !has_pending_operations().
  void release(uring_buffers& buffers, pipe_pool& pipes, room_watch& room) noexcept;

  // The kernel still has operations of it, so it must not be destroyed.
  [[nodiscard]] bool has_pending_operations() const noexcept;
  // Has something to do once a send that it has prepared is done; else the news may wait for the next event.
  [[nodiscard]] bool awaits_sends() const noexcept;

 private:
  // How a receive operation works.
  enum class read_mode : std::uint8_t {
    many,   // multishot, into the worker's buffers
    ready,  // waits until there is something
    block,  // what is there now, into memory of its own
  };
  // Of a socket.
  struct reading {
    bool is_exhausted = false;  // at its end, or nothing can be read for an error
    bool is_bulk = false;
    bool is_empty = false;       // a block has read all there was
    bool lacks_buffers = false;  // a receive found none
    read_mode mode = read_mode::many;
    uring_operation receive;
    uring_operation watch;
    std::unique_ptr<std::uint8_t[]> block;  // being read into
  };
  // Of a direction.
  struct sending {
    uring_send send;
    buffer_queue received;
    std::uint32_t allowance = 0;    // bytes it may still send in this turn
    buffer_id buffer = no_buffer;   // the send is from this one, else from what is stuck
    bool is_stalled = false;        // the destination takes nothing now
    bool awaits_room = false;       // and the room watch will tell when it takes something again
    bool is_in_room_watch = false;  // the destination is known to it

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
  void lose_destination(side source, int error, uring_turn& turn) noexcept;
  [[nodiscard]] bool is_moving(side source) const noexcept;
  [[nodiscard]] bool wants_another_turn(side source) const noexcept;
  [[nodiscard]] bool are_last(side source) const noexcept;
  [[nodiscard]] bool holds_bytes(side source) const noexcept;

  std::array<reading, 2> reads_;
  std::array<sending, 2> sends_;   // by source
  std::uint64_t turn_number_ = 0;  // of the last pump
};

}  // namespace pgsteer::relay
