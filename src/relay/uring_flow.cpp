#include "relay/uring_flow.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "pgsteer/base/assert.hpp"

namespace pgsteer::relay {
namespace {

constexpr std::array both_sides{side::client, side::backend};

}  // namespace

uring_flow::uring_flow(const flow_start& start) : flow(start) {
  using kind = uring_operation::kind;
  for (const side which : both_sides) {
    reads_[index(which)].receive = {.owner = this, .source = which, .what = kind::receive};
    reads_[index(which)].watch = {.owner = this, .source = which, .what = kind::watch_hang_up};
    static_cast<uring_operation&>(sends_[index(which)].send) = {
        .owner = this, .source = which, .what = kind::send};
  }
}

void uring_flow::on_completion(const uring_completion& done, uring_turn& turn) {
  if (done.is_of_cancellation) return;
  const side source = done.operation->source;
  switch (done.operation->what) {
    case uring_operation::kind::receive:
      return on_received(source, done, turn);
    case uring_operation::kind::send:
      return on_sent(source, done.result, turn);
    case uring_operation::kind::watch_hang_up:
      return on_hang_up(source, done.result);
    case uring_operation::kind::wait:
      return;  // of no flow
  }
}

void uring_flow::on_received(side source, const uring_completion& done, uring_turn& turn) {
  reading& from = reads_[index(source)];
  buffer_queue& received = sends_[index(source)].received;
  uring_buffers& buffers = turn.ring.buffers();
  const bool is_over = has_ended() || half(source).is_done;
  if (done.has_buffer() && done.result > 0 && !is_over) {
    has_progressed_ = true;
    buffers.push(received, done.buffer());
    if (received.bytes >= uring_buffers::bytes_per_portions_max) turn.has_much = true;
    return;
  }
  if (done.has_buffer()) buffers.give_back(done.buffer());
  if (from.mode == read_mode::ready && done.result >= 0) {
    from.is_empty = false;
    return;
  }
  if (done.result > 0 && is_over) has_bytes_left_ = true;
  if (done.result <= 0) from.block.reset();
  if (has_ended()) return;
  if (done.result > 0) {
    if (!half(source).is_done) on_block(source, static_cast<std::size_t>(done.result), turn.block_bytes);
  } else if (done.result < 0) {
    on_receive_error(source, -done.result);
  } else {
    has_progressed_ = true;
    socket(source).is_at_end = true;
    from.is_exhausted = true;
    note_end(source, false);
  }
}

void uring_flow::on_block(side source, std::size_t n, std::size_t block_bytes) noexcept {
  reading& from = reads_[index(source)];
  has_progressed_ = true;
  half(source).stuck.adopt(std::move(from.block), block_bytes, n);
  half(source).is_unseen = true;
  from.is_empty = n < block_bytes;
  if (from.is_empty && n < bulk_bytes_min) from.is_bulk = false;
}

void uring_flow::on_receive_error(side source, int error) noexcept {
  reading& from = reads_[index(source)];
  flow_socket& failing = socket(source);
  switch (error) {
    case EINTR:
      return;
    case ECANCELED:
      has_progressed_ = true;
      return;
    case ENOBUFS:
      has_progressed_ = true;  // not for want of trying
      from.lacks_buffers = true;
      return;
    case EAGAIN:
      from.is_exhausted = failing.has_failed;
      failing.is_hung_up = false;  // until the next event
      from.is_empty = true;
      return;
    default:
      has_progressed_ = true;
      failing.error = error;
      failing.has_failed = true;
      from.is_exhausted = true;
      note_end(source, true);
  }
}

void uring_flow::on_sent(side source, int result, uring_turn& turn) {
  sending& way = sends_[index(source)];
  stuck_bytes& stuck = half(source).stuck;
  const std::size_t n = result > 0 ? static_cast<std::size_t>(result) : 0;
  count(source, n, turn);
  if (has_ended()) return;
  if (result < 0 && result != -EAGAIN && result != -EINTR) return lose_destination(source, -result, turn);
  if (way.buffer != no_buffer) {
    const byte_span rest = turn.ring.buffers().view(way.buffer).subspan(n);
    if (!rest.empty()) stuck.keep(rest);
    turn.ring.buffers().give_back(std::exchange(way.buffer, no_buffer));
  } else {
    stuck.consume(n);
  }
  const bool was_stalled = std::exchange(way.is_stalled, !stuck.empty());
  if (way.is_stalled && !was_stalled) {
    has_progressed_ = true;
    ++turn.stalls;
  }
}

void uring_flow::on_room(side source) noexcept {
  sending& way = sends_[index(source)];
  if (!std::exchange(way.awaits_room, false)) return;
  way.is_stalled = false;
}

void uring_flow::await_room(side source, uring_turn& turn) noexcept {
  sending& way = sends_[index(source)];
  way.awaits_room = true;
  const int error = turn.room.await(fd(other(source)), way.is_in_room_watch, &way.send);
  if (error == 0) return;
  way.awaits_room = false;
  lose_destination(source, error, turn);
}

void uring_flow::on_hang_up(side which, int result) noexcept {
  if (has_ended() || result == -ECANCELED) return;
  flow_socket& of = socket(which);
  has_progressed_ = has_progressed_ || !of.is_hung_up;
  of.is_hung_up = true;
  const bool has_failed = result < 0 || (result & POLLERR) != 0;
  note_end(which, has_failed);
  if (result < 0) of.error = -result;
  if (has_failed) of.has_failed = true;
}

uring_flow::outcome uring_flow::pump(uring_turn& turn) {
  PGSTEER_ASSERT(!has_ended());
  if (turn_number_ != turn.number) {
    turn_number_ = turn.number;
    for (sending& way : sends_) way.allowance = turn.bytes_max;
  }
  const std::uint32_t prepared_before = turn.ring.prepared();
  // What the client sends behind an answer is the later word: it must not be passed on first.
  const side first = is_to_stop_when_idle_ ? side::backend : side::client;
  for (const side source : {first, other(first)}) {
    advance(source, turn);
    if (has_ended()) return outcome::ended;
  }
  settle({is_moving(side::client), is_moving(side::backend)},
         holds_bytes(side::client) || holds_bytes(side::backend));
  if (has_ended()) return outcome::ended;
  const bool wants_one = wants_another_turn(side::client) || wants_another_turn(side::backend);
  guard_progress(wants_one || turn.ring.prepared() != prepared_before);
  if (has_ended()) return outcome::ended;
  if (wants_one) return outcome::wants_another_turn;
  const bool lacks_buffers = reads_[0].lacks_buffers || reads_[1].lacks_buffers;
  return lacks_buffers ? outcome::wants_buffers : outcome::waits;
}

void uring_flow::advance(side source, uring_turn& turn) {
  const half_relay& way = half(source);
  if (!way.is_done && !sends_[index(source)].send.is_in_flight) send_next(source, turn);
  if (has_ended()) return;
  steer_reading(source, turn);
  const flow_socket& from = socket(source);
  uring_operation& watch = reads_[index(source)].watch;
  if (!watch.is_pending() && !from.has_failed) turn.ring.watch_hang_up(watch, from.fd);
  if (!way.is_done && from.is_at_end && !holds_bytes(source)) close_direction(source);
}

void uring_flow::send_next(side source, uring_turn& turn) {
  half_relay& held = half(source);
  sending& way = sends_[index(source)];
  uring_buffers& buffers = turn.ring.buffers();
  const int to = fd(other(source));
  if (way.is_stalled) {
    if (way.awaits_room) return;
    // What a receive still delivers belongs behind what is stuck.
    if (reads_[index(source)].receive.is_in_flight) return;
    if (!way.received.empty() && !gather(source, SIZE_MAX, turn)) return;
    return await_room(source, turn);
  }
  if (held.pipe != nullptr && !held.pipe->empty()) return drain_pipe(source, turn);
  if (!held.stuck.empty()) {  // a block, or initial bytes
    if (!accept_stuck(source, turn)) return;
    way.spend(held.stuck.view().size());
    return turn.ring.send_now(way.send, to, held.stuck.view(), are_last(source));
  }
  if (way.received.empty() || way.allowance == 0) return;
  const std::size_t allowance = way.allowance;
  way.spend(way.received.bytes);
  if (way.received.bytes >= bulk_bytes_min) {
    reads_[index(source)].is_bulk = true;
    reads_[index(source)].is_empty = false;
  }
  if (way.received.has_one()) {
    way.buffer = buffers.pop(way.received);
    const byte_span bytes = buffers.view(way.buffer);
    if (accept(source, bytes, turn)) turn.ring.send_now(way.send, to, bytes, are_last(source));
  } else if (gather(source, allowance, turn)) {
    turn.ring.send_now(way.send, to, held.stuck.view(), are_last(source));
  }
}

// Appends received bytes to what is stuck, at least one buffer's, and gives the buffers back. False: they go
// no further. Precondition: received holds some.
bool uring_flow::gather(side source, std::size_t bytes_max, uring_turn& turn) {
  buffer_queue& received = sends_[index(source)].received;
  uring_buffers& buffers = turn.ring.buffers();
  buffer_queue taken;
  do {
    buffers.push(taken, buffers.pop(received));
  } while (!received.empty() && taken.bytes + buffers.view(received.first).size() <= bytes_max);
  const mutable_byte_span room = half(source).stuck.make_room(taken.bytes);
  for (std::size_t at = 0; !taken.empty();) {
    const buffer_id id = buffers.pop(taken);
    const byte_span bytes = buffers.view(id);
    std::memcpy(room.data() + at, bytes.data(), bytes.size());
    at += bytes.size();
    buffers.give_back(id);
  }
  return accept(source, room, turn);
}

void uring_flow::lose_destination(side source, int error, uring_turn& turn) noexcept {
  sending& way = sends_[index(source)];
  uring_buffers& buffers = turn.ring.buffers();
  if (way.buffer != no_buffer) buffers.give_back(std::exchange(way.buffer, no_buffer));
  buffers.give_back(way.received);
  way.is_stalled = false;
  fail_destination(source, error, turn.pipes);
}

void uring_flow::revoke_sends(uring_ring& ring) noexcept {
  for (sending& way : sends_) ring.revoke(way.send);
}

void uring_flow::cancel_all(uring_ring& ring) noexcept {
  for (const side which : both_sides) {
    reading& from = reads_[index(which)];
    for (uring_operation* operation :
         std::array<uring_operation*, 3>{&from.receive, &from.watch, &sends_[index(which)].send}) {
      if (!operation->is_in_flight || operation->is_cancelling) continue;
      // How much of a send was taken counts unless the flow has ended; it completes with the submission.
      if (has_ended() || operation->what != uring_operation::kind::send) ring.cancel(*operation);
    }
  }
}

void uring_flow::detach(uring_turn& turn) {
  for (const side source : both_sides) {
    (void)accept_stuck(source, turn);  // nobody watches
    if (!sends_[index(source)].received.empty()) (void)gather(source, SIZE_MAX, turn);
  }
  flow::detach(turn);
}

void uring_flow::release(uring_buffers& buffers, pipe_pool& pipes, room_watch& room) noexcept {
  PGSTEER_ASSERT(has_ended() && !has_pending_operations());
  for (const side source : both_sides) {
    sending& way = sends_[index(source)];
    room.forget(fd(other(source)), way.is_in_room_watch);
    if (way.buffer != no_buffer || !way.received.empty()) has_bytes_left_ = true;
    if (way.buffer != no_buffer) buffers.give_back(std::exchange(way.buffer, no_buffer));
    buffers.give_back(way.received);
  }
  flow::release(pipes);
}

bool uring_flow::has_pending_operations() const noexcept {
  for (const side which : both_sides) {
    const reading& from = reads_[index(which)];
    if (from.receive.is_pending() || from.watch.is_pending()) return true;
    if (sends_[index(which)].send.is_pending()) return true;
  }
  return false;
}

bool uring_flow::awaits_sends() const noexcept {
  return std::ranges::any_of(both_sides, [this](side source) {
    const sending& way = sends_[index(source)];
    const reading& from = reads_[index(source)];
    const bool is_in_full_swing = from.mode == read_mode::many && from.receive.is_in_flight &&
                                  !from.receive.is_cancelling && way.received.empty();
    return way.send.is_in_flight && !way.is_stalled && (is_to_stop_when_idle_ || !is_in_full_swing);
  });
}

// Bytes of the source are on their way, or may still be read, without the destination or a time-out.
bool uring_flow::is_moving(side source) const noexcept {
  if (half(source).is_done || sends_[index(source)].is_stalled) return false;
  return holds_bytes(source) || !reads_[index(source)].is_exhausted;
}

bool uring_flow::wants_another_turn(side source) const noexcept {
  const sending& way = sends_[index(source)];
  const reading& from = reads_[index(source)];
  const bool is_hung_up = socket(source).is_hung_up;
  const bool is_done = half(source).is_done;
  const bool has_to_read_on =
      is_hung_up && from.receive.is_in_flight && !from.receive.is_cancelling && from.mode != read_mode::block;
  if (has_to_read_on && !is_done) return true;
  if (way.allowance > 0 || is_done || way.is_stalled || way.send.is_in_flight) return false;
  return !way.received.empty() || (!from.is_exhausted && !from.receive.is_in_flight &&
                                   (is_hung_up || (from.is_bulk && !from.is_empty)));
}

// What is about to be sent is all that the source will ever have sent.
bool uring_flow::are_last(side source) const noexcept {
  return socket(source).is_at_end && sends_[index(source)].received.empty();
}

bool uring_flow::holds_bytes(side source) const noexcept {
  const sending& way = sends_[index(source)];
  return way.send.is_in_flight || !way.received.empty() || half(source).holds_bytes();
}

}  // namespace pgsteer::relay
