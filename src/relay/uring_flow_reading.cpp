// How a uring_flow reads: by a multishot receive, in blocks, or through a pipe.
#include <algorithm>
#include <memory>
#include <utility>

#include "relay/uring_flow.hpp"

namespace pgsteer::relay {

// Moves what waits in the source through a pipe, but for its tail. False: it is too little, the watcher wants
// to see it, or there is no pipe.
bool uring_flow::splice(side source, uring_turn& turn) {
  if (source == side::backend && is_watched_) return false;
  half_relay& half = halves_[index(source)];
  const std::size_t bytes =
      std::min<std::size_t>(worth_splicing(fd(source), turn.block_bytes), half.allowance);
  if (bytes == 0) return false;
  (void)turn.ring.submit();  // small answers go first
  const std::size_t filled = turn.pipes.fill(half.pipe, fd(source), bytes);
  if (filled == 0) return false;
  has_progressed_ = true;
  half.spend(filled);
  turn.spliced_bytes += filled;
  ending_.unseen(source);
  drain_pipe(source, turn);
  return true;
}

// A system call and no operation, as those that splice are always left to another thread (io_uring/splice.c).
void uring_flow::drain_pipe(side source, uring_turn& turn) {
  half_relay& half = halves_[index(source)];
  while (!half.pipe->empty()) {
    const io_outcome sent = half.pipe->drain(fd(other(source)));
    if (sent.has_failed()) return fail_destination(source, sent.error, turn);
    if (sent.n == 0) break;
    has_progressed_ = true;
    half.bytes += sent.n;
    turn.bytes[index(source)] += sent.n;
  }
  if (half.pipe->empty()) return;
  half.is_stalled = true;
  has_progressed_ = true;
  ++turn.stalls;
  await_room(source, turn);
}

// At most one receive is in flight, and none while bytes wait here.
void uring_flow::steer_reading(side source, uring_turn& turn) {
  relay_socket& socket = sockets_[index(source)];
  const half_relay& half = halves_[index(source)];
  const bool may_not = half.is_done || socket.is_exhausted || half.is_stalled || !half.received.empty();
  if (!socket.receive.is_in_flight) {
    if (!may_not && !socket.receive.is_cancelling) start_reading(source, turn);
    return;
  }
  if (socket.mode == reading::block || socket.receive.is_cancelling) return;
  // Blocks also find an end whose wake-up a multishot receive has missed, which happens if it comes together
  // with the bytes before it.
  if (may_not || socket.is_hung_up || (socket.is_bulk && socket.mode == reading::many))
    turn.ring.cancel(socket.receive);
}

void uring_flow::start_reading(side source, uring_turn& turn) {
  relay_socket& socket = sockets_[index(source)];
  half_relay& half = halves_[index(source)];
  if (socket.is_hung_up || (socket.is_bulk && !socket.is_empty)) {
    while (socket.is_bulk && half.allowance > 0 && !holds_bytes(source) && !half.is_done) {
      if (!splice(source, turn)) break;
    }
    if (half.allowance == 0 || holds_bytes(source) || half.is_done) return;
    socket.mode = reading::block;
    half.block = std::make_unique_for_overwrite<std::uint8_t[]>(turn.block_bytes);
    turn.ring.receive_now(socket.receive, socket.fd, {half.block.get(), turn.block_bytes});
  } else if (socket.is_bulk) {
    turn.pipes.give_back(std::move(half.pipe));
    socket.mode = reading::ready;
    turn.ring.wait_for(socket.receive, socket.fd, readiness::readable);
  } else if (!socket.lacks_buffers) {
    turn.pipes.give_back(std::move(half.pipe));
    socket.mode = reading::many;
    turn.ring.receive_many(socket.receive, socket.fd);
  }
}

}  // namespace pgsteer::relay
