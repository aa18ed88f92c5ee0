#include "relay/epoll_flow.hpp"

#include <utility>

namespace pgsteer::relay {

epoll_flow::epoll_flow(const flow_start& start) : flow(start) {
  for (epoll_edges& told : edges_) told.owner = this;
}

void epoll_flow::on_event(side which, std::uint32_t events) noexcept {
  flow_socket& of = socket(which);
  const bool is_hung_up = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
  if (is_hung_up) {
    of.is_hung_up = true;
    note_end(which, (events & EPOLLERR) != 0);
  }
  if ((events & EPOLLIN) != 0 || is_hung_up) edges(which).may_read = !of.is_at_end;
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) edges(which).may_write = true;
  if ((events & EPOLLERR) != 0) of.has_failed = true;
}

epoll_flow::outcome epoll_flow::pump(epoll_turn& turn) {
  // What the client sends behind an answer is the later word: it must not be passed on first.
  if (is_to_stop_when_idle_) turn_of_ = side::backend;
  // A splice moves what several reads do.
  const std::uint64_t bytes_enough = bytes_moved() + std::uint64_t{turn.reads_max} * turn.buffer.size();
  for (std::uint32_t steps = 0; steps < turn.reads_max && bytes_moved() < bytes_enough; ++steps) {
    const std::optional<side> source = next_step();
    if (!source) break;
    step(*source, turn);
    if (has_ended()) return outcome::ended;
  }
  const std::array can{can_step(side::client), can_step(side::backend)};
  settle(can, holds_bytes());
  const bool wants_another_turn = can[0] || can[1];
  guard_progress(wants_another_turn);
  if (has_ended()) return outcome::ended;
  return wants_another_turn ? outcome::wants_another_turn : outcome::waits;
}

// True: step(source) makes a system call that moves bytes or changes the state.
bool epoll_flow::can_step(side source) const noexcept {
  const half_relay& way = half(source);
  if (way.is_done) return false;
  return way.holds_bytes() ? edges_[index(other(source))].may_write : edges_[index(source)].may_read;
}

// Turn and turn about, so that a bulk transfer one way leaves room for the other.
std::optional<side> epoll_flow::next_step() noexcept {
  const side first = turn_of_;
  turn_of_ = other(first);
  if (can_step(first)) return first;
  if (can_step(turn_of_)) return turn_of_;
  return std::nullopt;
}

void epoll_flow::step(side source, epoll_turn& turn) {
  const half_relay& way = half(source);
  if (!way.stuck.empty()) return flush(source, turn);
  if (way.holds_bytes()) return drain_pipe(source, turn);
  if (edges(source).has_much && splice(source, turn)) return;
  read(source, turn);
}

void epoll_flow::read(side source, epoll_turn& turn) {
  const flow_socket& from = socket(source);
  io_outcome got = read_some(from.fd, turn.buffer);
  if (got.n == 0) {
    turn.pipes.give_back(std::move(half(source).pipe));
    has_progressed_ = has_progressed_ || got.error == 0;
    note_no_bytes(source, got);
    if (from.is_at_end) close_direction(source);
    return;
  }
  has_progressed_ = true;
  // An end is mostly right behind, and goes on together with the bytes before it.
  if (from.is_hung_up && got.n < turn.buffer.size()) {
    const io_outcome behind = read_some(from.fd, turn.buffer.subspan(got.n));
    got.n += behind.n;
    if (behind.n == 0) note_no_bytes(source, behind);
  }
  // A short read has emptied the socket, so the next byte brings an edge: epoll(7), "Questions and answers",
  // 9. An end that came before the read brings none; is_hung_up has seen it. (Reads also stop short of TCP
  // urgent data, which PostgreSQL never sends; a client that does waits for its own next byte.)
  const bool has_filled = got.n == turn.buffer.size();
  if (!has_filled && !from.is_hung_up) edges(source).may_read = false;
  edges(source).has_much = has_filled && turn.pipes.is_enabled();
  if (half(source).pipe != nullptr && !edges(source).has_much)
    turn.pipes.give_back(std::move(half(source).pipe));
  pass_on(source, turn.buffer.first(got.n), turn);
}

// A read of the source gave nothing: for its end, for an error, or for now.
void epoll_flow::note_no_bytes(side source, const io_outcome& got) noexcept {
  edges(source).may_read = false;
  if (got.would_block()) return;
  note_end(source, got.error != 0);
  flow_socket& from = socket(source);
  if (got.error == 0) {
    from.is_at_end = true;
  } else {
    from.error = got.error;
    from.has_failed = true;
  }
}

void epoll_flow::pass_on(side source, byte_span bytes, epoll_turn& turn) {
  if (!accept(source, bytes, turn)) return;
  const std::size_t sent = write(source, bytes, turn);
  if (half(source).is_done || sent == bytes.size()) return;
  half(source).stuck.keep(bytes.subspan(sent));
  edges(other(source)).may_write = false;
  ++turn.stalls;
}

// Returns how many bytes the destination took. If all, and they are the source's last, its end follows.
std::size_t epoll_flow::write(side source, byte_span bytes, epoll_turn& turn) {
  const int to = fd(other(source));
  const bool are_last = socket(source).is_at_end;
  const io_outcome sent = are_last ? write_some_before_end(to, bytes) : write_some(to, bytes);
  if (sent.has_failed()) {
    lose_destination(source, sent.error, turn);
    return 0;
  }
  count(source, sent.n, turn);
  if (are_last && sent.n == bytes.size()) close_direction(source);
  return sent.n;
}

void epoll_flow::flush(side source, epoll_turn& turn) {
  half_relay& way = half(source);
  if (!accept_stuck(source, turn)) return;
  way.stuck.consume(write(source, way.stuck.view(), turn));
  if (!way.stuck.empty()) edges(other(source)).may_write = false;
}

// Moves what waits in the source through a pipe, but for its tail. False: it is too little, the watcher wants
// to see it, or there is no pipe.
bool epoll_flow::splice(side source, epoll_turn& turn) {
  const std::size_t bytes = worth_a_pipe(source, turn.buffer.size(), turn.reads_max * turn.buffer.size());
  if (bytes == 0 || !fill_pipe(source, bytes, turn)) return false;
  drain_pipe(source, turn);
  return true;
}

void epoll_flow::drain_pipe(side source, epoll_turn& turn) {
  splice_pipe& pipe = *half(source).pipe;
  const io_outcome sent = pipe.drain(fd(other(source)));
  if (sent.has_failed()) return lose_destination(source, sent.error, turn);
  count(source, sent.n, turn);
  if (pipe.empty() || (sent.n != 0 && !sent.would_block())) return;
  edges(other(source)).may_write = false;
  ++turn.stalls;
}

void epoll_flow::lose_destination(side source, int error, epoll_turn& turn) noexcept {
  fail_destination(source, error, turn.pipes);
  edges(other(source)).may_read = !socket(other(source)).is_at_end;
}

}  // namespace pgsteer::relay
