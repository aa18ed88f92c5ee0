// How a uring_flow reads: by a multishot receive, in blocks, or through a pipe.
#include <memory>
#include <utility>

#include "relay/uring_flow.hpp"

namespace pgsteer::relay {

// Moves what waits in the source through a pipe, but for its tail. False: it is too little, the watcher wants
// to see it, or there is no pipe.
bool uring_flow::splice(side source, uring_turn& turn) {
  sending& way = sends_[index(source)];
  const std::size_t bytes = worth_a_pipe(source, turn.block_bytes, way.allowance);
  if (bytes == 0) return false;
  (void)turn.ring.submit();  // small answers go first
  const std::uint64_t before = turn.spliced_bytes;
  if (!fill_pipe(source, bytes, turn)) return false;
  way.spend(turn.spliced_bytes - before);
  drain_pipe(source, turn);
  return true;
}

// A system call and no operation, as those that splice are always left to another thread (io_uring/splice.c).
void uring_flow::drain_pipe(side source, uring_turn& turn) {
  splice_pipe& pipe = *half(source).pipe;
  while (!pipe.empty()) {
    const io_outcome sent = pipe.drain(fd(other(source)));
    if (sent.has_failed()) return lose_destination(source, sent.error, turn);
    if (sent.n == 0) break;
    count(source, sent.n, turn);
  }
  if (pipe.empty()) return;
  sends_[index(source)].is_stalled = true;
  has_progressed_ = true;
  ++turn.stalls;
  await_room(source, turn);
}

// At most one receive is in flight, and none while bytes wait here.
void uring_flow::steer_reading(side source, uring_turn& turn) {
  reading& from = reads_[index(source)];
  const sending& way = sends_[index(source)];
  const bool may_not = half(source).is_done || from.is_exhausted || way.is_stalled || !way.received.empty();
  if (!from.receive.is_in_flight) {
    if (!may_not && !from.receive.is_cancelling) start_reading(source, turn);
    return;
  }
  if (from.mode == read_mode::block || from.receive.is_cancelling) return;
  // Blocks also find an end whose wake-up a multishot receive has missed, which happens if it comes together
  // with the bytes before it.
  if (may_not || socket(source).is_hung_up || (from.is_bulk && from.mode == read_mode::many))
    turn.ring.cancel(from.receive);
}

void uring_flow::start_reading(side source, uring_turn& turn) {
  reading& from = reads_[index(source)];
  half_relay& held = half(source);
  const sending& way = sends_[index(source)];
  if (socket(source).is_hung_up || (from.is_bulk && !from.is_empty)) {
    while (from.is_bulk && way.allowance > 0 && !holds_bytes(source) && !held.is_done) {
      if (!splice(source, turn)) break;
    }
    if (way.allowance == 0 || holds_bytes(source) || held.is_done) return;
    from.mode = read_mode::block;
    from.block = std::make_unique_for_overwrite<std::uint8_t[]>(turn.block_bytes);
    turn.ring.receive_now(from.receive, fd(source), {from.block.get(), turn.block_bytes});
  } else if (from.is_bulk) {
    turn.pipes.give_back(std::move(held.pipe));
    from.mode = read_mode::ready;
    turn.ring.wait_for(from.receive, fd(source), readiness::readable);
  } else if (!from.lacks_buffers) {
    turn.pipes.give_back(std::move(held.pipe));
    from.mode = read_mode::many;
    turn.ring.receive_many(from.receive, fd(source));
  }
}

}  // namespace pgsteer::relay
