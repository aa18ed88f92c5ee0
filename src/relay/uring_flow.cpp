#include "relay/uring_flow.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "pgsteer/base/assert.hpp"
#include "pgsteer/base/log.hpp"
#include "pgsteer/relay/socket_io.hpp"

namespace pgsteer::relay {
namespace {

constexpr std::array both_sides{side::client, side::backend};

}  // namespace

uring_flow::uring_flow(const flow_start& start)
    : owner_(start.owner), ending_(start.is_watched, start.client_fd), is_watched_(start.is_watched) {
  sockets_[index(side::client)].fd = start.client_fd;
  sockets_[index(side::backend)].fd = start.backend_fd;
  using kind = uring_operation::kind;
  for (const side which : both_sides) {
    sockets_[index(which)].receive = {.owner = this, .source = which, .what = kind::receive};
    sockets_[index(which)].watch = {.owner = this, .source = which, .what = kind::watch_hang_up};
    static_cast<uring_operation&>(halves_[index(which)].send) = {
        .owner = this, .source = which, .what = kind::send};
  }
  halves_[index(side::client)].stuck.keep(start.to_backend);
  halves_[index(side::backend)].stuck.keep(start.to_client);
  halves_[index(side::backend)].is_unseen = !start.to_client.empty();
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
  relay_socket& socket = sockets_[index(source)];
  half_relay& half = halves_[index(source)];
  uring_buffers& buffers = turn.ring.buffers();
  const bool is_over = has_ended() || half.is_done;
  if (done.has_buffer() && done.result > 0 && !is_over) {
    has_progressed_ = true;
    buffers.push(half.received, done.buffer());
    if (half.received.bytes >= uring_buffers::bytes_per_portions_max) turn.has_much = true;
    return;
  }
  if (done.has_buffer()) buffers.give_back(done.buffer());
  if (socket.mode == reading::ready && done.result >= 0) {
    socket.is_empty = false;
    return;
  }
  if (done.result > 0 && is_over) has_bytes_left_ = true;
  if (done.result <= 0) half.block.reset();
  if (has_ended()) return;
  if (done.result > 0) {
    if (!half.is_done) on_block(source, static_cast<std::size_t>(done.result), turn.block_bytes);
  } else if (done.result < 0) {
    on_receive_error(source, -done.result);
  } else {
    has_progressed_ = true;
    socket.is_at_end = true;
    socket.is_exhausted = true;
    ending_.note(source, false);
  }
}

void uring_flow::on_block(side source, std::size_t n, std::size_t block_bytes) noexcept {
  relay_socket& socket = sockets_[index(source)];
  half_relay& half = halves_[index(source)];
  has_progressed_ = true;
  half.stuck.adopt(std::move(half.block), block_bytes, n);
  half.is_unseen = true;
  socket.is_empty = n < block_bytes;
  if (socket.is_empty && n < bulk_bytes_min) socket.is_bulk = false;
}

void uring_flow::on_receive_error(side source, int error) noexcept {
  relay_socket& socket = sockets_[index(source)];
  switch (error) {
    case EINTR:
      return;
    case ECANCELED:
      has_progressed_ = true;
      return;
    case ENOBUFS:
      has_progressed_ = true;  // not for want of trying
      socket.lacks_buffers = true;
      return;
    case EAGAIN:
      socket.is_exhausted = socket.has_failed;
      socket.is_hung_up = false;  // until the next event
      socket.is_empty = true;
      return;
    default:
      has_progressed_ = true;
      socket.error = error;
      socket.has_failed = true;
      socket.is_exhausted = true;
      ending_.note(source, true);
  }
}

void uring_flow::on_sent(side source, int result, uring_turn& turn) {
  half_relay& half = halves_[index(source)];
  const std::size_t n = result > 0 ? static_cast<std::size_t>(result) : 0;
  has_progressed_ = has_progressed_ || n != 0;
  half.bytes += n;
  turn.bytes[index(source)] += n;
  if (has_ended()) return;
  if (result < 0 && result != -EAGAIN && result != -EINTR) return fail_destination(source, -result, turn);
  if (half.sending != no_buffer) {
    const byte_span rest = turn.ring.buffers().view(half.sending).subspan(n);
    if (!rest.empty()) half.stuck.keep(rest);
    turn.ring.buffers().give_back(std::exchange(half.sending, no_buffer));
  } else {
    half.stuck.consume(n);
  }
  const bool was_stalled = std::exchange(half.is_stalled, !half.stuck.empty());
  if (half.is_stalled && !was_stalled) {
    has_progressed_ = true;
    ++turn.stalls;
  }
}

void uring_flow::on_room(side source) noexcept {
  half_relay& half = halves_[index(source)];
  if (!std::exchange(half.awaits_room, false)) return;
  half.is_stalled = false;
}

void uring_flow::await_room(side source, uring_turn& turn) noexcept {
  half_relay& half = halves_[index(source)];
  half.awaits_room = true;
  relay_socket& destination = sockets_[index(other(source))];
  const int error = turn.room.await(destination.fd, destination.is_in_room_watch, &half.send);
  if (error == 0) return;
  half.awaits_room = false;
  fail_destination(source, error, turn);
}

void uring_flow::on_hang_up(side which, int result) noexcept {
  if (has_ended()) return;
  relay_socket& socket = sockets_[index(which)];
  has_progressed_ = has_progressed_ || !socket.is_hung_up;
  socket.is_hung_up = true;
  ending_.note(which, result < 0 || (result & POLLERR) != 0);
  if (result < 0) {
    socket.error = -result;
    socket.has_failed = true;
  } else if ((result & POLLERR) != 0) {
    socket.has_failed = true;
  }
}

uring_flow::outcome uring_flow::pump(uring_turn& turn) {
  PGSTEER_ASSERT(!has_ended());
  if (turn_number_ != turn.number) {
    turn_number_ = turn.number;
    for (half_relay& half : halves_) half.allowance = turn.bytes_max;
  }
  const std::uint32_t prepared_before = turn.ring.prepared();
  for (const side source : both_sides) {
    advance(source, turn);
    if (has_ended()) return outcome::ended;
  }
  settle_failures();
  if (has_ended()) return outcome::ended;
  const bool wants_another = wants_another_turn(side::client) || wants_another_turn(side::backend);
  if (progress_.is_exceeded(wants_another || turn.ring.prepared() != prepared_before, has_progressed_)) {
    const bool is_of_client = wants_another_turn(side::client);
    log(log_level::error, "relay made no progress, session ended; please report it",
        {{"side", is_of_client ? std::string_view("client") : std::string_view("backend")}});
    finish(flow_end::made_no_progress, ENOTRECOVERABLE);
    return outcome::ended;
  }
  has_progressed_ = false;
  if (wants_another) return outcome::wants_another_turn;
  const bool lacks_buffers = sockets_[0].lacks_buffers || sockets_[1].lacks_buffers;
  return lacks_buffers ? outcome::wants_buffers : outcome::waits;
}

void uring_flow::advance(side source, uring_turn& turn) {
  half_relay& half = halves_[index(source)];
  relay_socket& socket = sockets_[index(source)];
  if (!half.is_done && !half.send.is_in_flight) send_next(source, turn);
  if (has_ended()) return;
  steer_reading(source, turn);
  if (!socket.watch.is_kernels() && !socket.has_failed) turn.ring.watch_hang_up(socket.watch, socket.fd);
  if (!half.is_done && socket.is_at_end && !holds_bytes(source)) close_direction(source);
}

void uring_flow::send_next(side source, uring_turn& turn) {
  half_relay& half = halves_[index(source)];
  uring_buffers& buffers = turn.ring.buffers();
  if (half.is_stalled) {
    if (half.awaits_room) return;
    // What a receive still delivers belongs behind what is stuck.
    if (sockets_[index(source)].receive.is_in_flight) return;
    if (!half.received.empty() && !gather(source, SIZE_MAX, turn)) return;
    return await_room(source, turn);
  }
  if (half.pipe != nullptr && !half.pipe->empty()) return drain_pipe(source, turn);
  if (!half.stuck.empty()) {  // a block, or initial bytes
    if (std::exchange(half.is_unseen, false) && !accept(source, half.stuck.view(), turn)) return;
    half.spend(half.stuck.view().size());
    return turn.ring.send_now(half.send, fd(other(source)), half.stuck.view(), are_last(source));
  }
  if (half.received.empty() || half.allowance == 0) return;
  const std::size_t allowance = half.allowance;
  half.spend(half.received.bytes);
  if (half.received.bytes >= bulk_bytes_min) {
    sockets_[index(source)].is_bulk = true;
    sockets_[index(source)].is_empty = false;
  }
  if (half.received.has_one()) {
    half.sending = buffers.pop(half.received);
    const byte_span bytes = buffers.view(half.sending);
    if (accept(source, bytes, turn))
      turn.ring.send_now(half.send, fd(other(source)), bytes, are_last(source));
  } else if (gather(source, allowance, turn)) {
    turn.ring.send_now(half.send, fd(other(source)), half.stuck.view(), are_last(source));
  }
}

// Appends received bytes to what is stuck, at least one buffer's, and gives the buffers back. False: they go
// no further. Precondition: received holds some.
bool uring_flow::gather(side source, std::size_t bytes_max, uring_turn& turn) {
  half_relay& half = halves_[index(source)];
  uring_buffers& buffers = turn.ring.buffers();
  buffer_queue taken;
  do {
    buffers.push(taken, buffers.pop(half.received));
  } while (!half.received.empty() && taken.bytes + buffers.view(half.received.first).size() <= bytes_max);
  const mutable_byte_span room = half.stuck.make_room(taken.bytes);
  for (std::size_t at = 0; !taken.empty();) {
    const buffer_id id = buffers.pop(taken);
    const byte_span bytes = buffers.view(id);
    std::memcpy(room.data() + at, bytes.data(), bytes.size());
    at += bytes.size();
    buffers.give_back(id);
  }
  return accept(source, room, turn);
}

// All that the source sent before its end is delivered.
void uring_flow::close_direction(side source) noexcept {
  halves_[index(source)].is_done = true;
  relay_socket& destination = sockets_[index(other(source))];
  // As in epoll_flow: a source that has failed seems to end as well.
  if (destination.has_failed || sockets_[index(source)].has_failed) return;
  if (halves_[index(other(source))].is_done) return finish(ending_.when_closed());
  if (shut_down_writing(destination.fd) == 0) return;
  destination.has_failed = true;  // it can only be disconnected, by an error that SO_ERROR still holds
  destination.is_hung_up = true;
}

void uring_flow::fail_destination(side source, int error, uring_turn& turn) noexcept {
  half_relay& half = halves_[index(source)];
  uring_buffers& buffers = turn.ring.buffers();
  turn.pipes.give_back(std::move(half.pipe));
  if (half.sending != no_buffer) buffers.give_back(std::exchange(half.sending, no_buffer));
  buffers.give_back(half.received);
  half.stuck.clear();
  half.is_stalled = false;
  half.is_done = true;
  has_progressed_ = true;
  relay_socket& destination = sockets_[index(other(source))];
  destination.error = error;
  destination.has_failed = true;
  // It may have said why before it went, as PostgreSQL does with FATAL: read that to the end.
  destination.is_hung_up = true;
  ending_.note(other(source), true);
}

void uring_flow::settle_failures() noexcept {
  const side first = ending_.first();
  for (const side which : {first, other(first)}) {
    relay_socket& socket = sockets_[index(which)];
    if (!socket.has_failed || is_moving(which)) continue;
    if (socket.error == 0) socket.error = reason_of_failure(socket.fd);
    return finish(ending_.when_failed(which, socket.error), socket.error);
  }
}

void uring_flow::finish(flow_end end, int error) noexcept {
  if (has_ended()) return;
  end_ = end;
  error_ = error;
  if (holds_bytes(side::client) || holds_bytes(side::backend)) has_bytes_left_ = true;
}

void uring_flow::revoke_sends(uring_ring& ring) noexcept {
  for (half_relay& half : halves_) ring.revoke(half.send);
}

void uring_flow::cancel_all(uring_ring& ring) noexcept {
  PGSTEER_ASSERT(has_ended());
  for (const side which : both_sides) {
    relay_socket& socket = sockets_[index(which)];
    for (uring_operation* operation :
         std::array<uring_operation*, 3>{&socket.receive, &socket.watch, &halves_[index(which)].send})
      if (operation->is_in_flight && !operation->is_cancelling) ring.cancel(*operation);
  }
}

void uring_flow::release(uring_buffers& buffers, pipe_pool& pipes, room_watch& room) noexcept {
  PGSTEER_ASSERT(has_ended() && !is_kernels());
  for (relay_socket& socket : sockets_) room.forget(socket.fd, socket.is_in_room_watch);
  for (half_relay& half : halves_) {
    pipes.give_back(std::move(half.pipe));
    if (half.sending != no_buffer) buffers.give_back(std::exchange(half.sending, no_buffer));
    buffers.give_back(half.received);
    half.stuck.clear();
  }
}

bool uring_flow::is_kernels() const noexcept {
  for (const side which : both_sides) {
    const relay_socket& socket = sockets_[index(which)];
    if (socket.receive.is_kernels() || socket.watch.is_kernels()) return true;
    if (halves_[index(which)].send.is_kernels()) return true;
  }
  return false;
}

bool uring_flow::awaits_sends() const noexcept {
  return std::ranges::any_of(both_sides, [this](side source) {
    const half_relay& half = halves_[index(source)];
    const relay_socket& socket = sockets_[index(source)];
    const bool is_in_full_swing = socket.mode == reading::many && socket.receive.is_in_flight &&
                                  !socket.receive.is_cancelling && half.received.empty();
    return half.send.is_in_flight && !half.is_stalled && !is_in_full_swing;
  });
}

flow_summary uring_flow::summary() const {
  PGSTEER_ASSERT(has_ended() && !is_kernels());
  flow_summary made;
  made.end = *end_;
  if (error_ != 0) made.error = to_error_code(error_);
  for (const side source : both_sides) made.bytes[index(source)] = halves_[index(source)].bytes;
  made.is_idle_outside_transaction =
      !has_bytes_left_ && ending_.is_idle_outside_transaction(fd(side::backend));
  return made;
}

// Each byte once, before it is sent. False: it must not be.
bool uring_flow::accept(side source, byte_span bytes, uring_turn& turn) {
  if (source == side::client) {
    ending_.from_client(bytes);
    return true;
  }
  if (is_watched_) {
    turn.report.has_told_owner = true;
    const watch_verdict verdict = owner_->on_backend_bytes(bytes);
    is_watched_ = verdict == watch_verdict::watching;
    if (verdict == watch_verdict::refuse) finish(flow_end::refused);
    if (has_ended()) return false;  // the watcher may also have called stop()
  }
  ending_.to_client(bytes);
  return true;
}

// Bytes of the source are on their way, or may still be read, without the destination or a time-out.
bool uring_flow::is_moving(side source) const noexcept {
  const half_relay& half = halves_[index(source)];
  if (half.is_done || half.is_stalled) return false;
  return holds_bytes(source) || !sockets_[index(source)].is_exhausted;
}

bool uring_flow::wants_another_turn(side source) const noexcept {
  const half_relay& half = halves_[index(source)];
  const relay_socket& socket = sockets_[index(source)];
  const bool has_to_read_on = socket.is_hung_up && socket.receive.is_in_flight &&
                              !socket.receive.is_cancelling && socket.mode != reading::block;
  if (has_to_read_on && !half.is_done) return true;
  if (half.allowance > 0 || half.is_done || half.is_stalled || half.send.is_in_flight) return false;
  return !half.received.empty() || (!socket.is_exhausted && !socket.receive.is_in_flight &&
                                    (socket.is_hung_up || (socket.is_bulk && !socket.is_empty)));
}

// What is about to be sent is all that the source will ever have sent.
bool uring_flow::are_last(side source) const noexcept {
  return sockets_[index(source)].is_at_end && halves_[index(source)].received.empty();
}

bool uring_flow::holds_bytes(side source) const noexcept {
  const half_relay& half = halves_[index(source)];
  return half.send.is_in_flight || !half.received.empty() || !half.stuck.empty() ||
         (half.pipe != nullptr && !half.pipe->empty());
}

}  // namespace pgsteer::relay
