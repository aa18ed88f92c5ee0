#include "relay/epoll_flow.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "pgsteer/base/log.hpp"
#include "pgsteer/relay/socket_io.hpp"

namespace pgsteer::relay {

epoll_flow::epoll_flow(const flow_start& start)
    : owner_(start.owner), ending_(start.is_watched, start.client_fd), is_watched_(start.is_watched) {
  sockets_[index(side::client)].fd = start.client_fd;
  sockets_[index(side::backend)].fd = start.backend_fd;
  for (flow_socket& socket : sockets_) socket.owner = this;
  halves_[index(side::client)].stuck.keep(start.to_backend);
  halves_[index(side::backend)].stuck.keep(start.to_client);
  halves_[index(side::backend)].is_unseen = !start.to_client.empty();
}

void epoll_flow::on_event(flow_socket& socket, std::uint32_t events) noexcept {
  const bool is_hung_up = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
  if (is_hung_up) {
    socket.is_hung_up = true;
    ending_.note(&socket == &sockets_[index(side::client)] ? side::client : side::backend,
                 (events & EPOLLERR) != 0);
  }
  if ((events & EPOLLIN) != 0 || is_hung_up) socket.may_read = !socket.is_at_end;
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) socket.may_write = true;
  if ((events & EPOLLERR) != 0) socket.has_failed = true;
}

epoll_flow::outcome epoll_flow::pump(turn_resources& turn) {
  has_progressed_ = false;
  // A splice moves what several reads do.
  const std::uint64_t bytes_enough = bytes_moved() + std::uint64_t{turn.reads_max} * turn.buffer.size();
  for (std::uint32_t steps = 0; steps < turn.reads_max && bytes_moved() < bytes_enough; ++steps) {
    const std::optional<side> source = next_step();
    if (!source) break;
    step(*source, turn);
    if (has_ended()) return outcome::ended;
  }
  settle_failures();
  if (has_ended()) return outcome::ended;
  const bool wants_another_turn = can_step(side::client) || can_step(side::backend);
  if (progress_.is_exceeded(wants_another_turn, has_progressed_)) {
    const side stuck = can_step(side::client) ? side::client : side::backend;
    log(log_level::error, "relay made no progress, session ended; please report it",
        {{"side", stuck == side::client ? std::string_view("client") : std::string_view("backend")}});
    finish(flow_end::made_no_progress, ENOTRECOVERABLE);
    return outcome::ended;
  }
  return wants_another_turn ? outcome::wants_another_turn : outcome::waits;
}

void epoll_flow::finish(flow_end end, int error) {
  if (has_ended()) return;
  flow_summary& summary = summary_.emplace();
  summary.end = end;
  if (error != 0) summary.error = to_error_code(error);
  for (const side source : {side::client, side::backend})
    summary.bytes[index(source)] = halves_[index(source)].bytes;
  const bool holds_bytes = halves_[0].holds_bytes() || halves_[1].holds_bytes();
  summary.is_idle_outside_transaction =
      !holds_bytes && ending_.is_idle_outside_transaction(sockets_[index(side::backend)].fd);
}

void epoll_flow::release(pipe_pool& pipes) noexcept {
  for (half_relay& half : halves_) pipes.give_back(std::move(half.pipe));
}

// True: step(source) makes a system call that moves bytes or changes the state.
bool epoll_flow::can_step(side source) const noexcept {
  const half_relay& half = halves_[index(source)];
  if (half.is_done) return false;
  if (half.holds_bytes()) return sockets_[index(other(source))].may_write;
  return sockets_[index(source)].may_read;
}

// Turn and turn about, so that a bulk transfer one way leaves room for the other.
std::optional<side> epoll_flow::next_step() noexcept {
  const side first = turn_of_;
  turn_of_ = other(first);
  if (can_step(first)) return first;
  if (can_step(turn_of_)) return turn_of_;
  return std::nullopt;
}

void epoll_flow::step(side source, turn_resources& turn) {
  const half_relay& half = halves_[index(source)];
  if (!half.stuck.empty()) return flush(source, turn);
  if (half.holds_bytes()) return drain_pipe(source, turn);
  if (half.is_bulk && splice(source, turn)) return;
  read(source, turn);
}

void epoll_flow::read(side source, turn_resources& turn) {
  flow_socket& socket = sockets_[index(source)];
  io_outcome got = read_some(socket.fd, turn.buffer);
  if (got.n == 0) {
    turn.pipes.give_back(std::move(halves_[index(source)].pipe));
    has_progressed_ = has_progressed_ || got.error == 0;
    note_no_bytes(source, got);
    if (socket.is_at_end) close_direction(source);
    return;
  }
  has_progressed_ = true;
  // An end is mostly right behind, and goes on together with the bytes before it.
  if (socket.is_hung_up && got.n < turn.buffer.size()) {
    const io_outcome behind = read_some(socket.fd, turn.buffer.subspan(got.n));
    got.n += behind.n;
    if (behind.n == 0) note_no_bytes(source, behind);
  }
  // A short read has emptied the socket, so the next byte brings an edge: epoll(7), "Questions and answers",
  // 9. An end that came before the read brings none; is_hung_up has seen it. (Reads also stop short of TCP
  // urgent data, which PostgreSQL never sends; a client that does waits for its own next byte.)
  const bool has_filled = got.n == turn.buffer.size();
  if (!has_filled && !socket.is_hung_up) socket.may_read = false;
  half_relay& half = halves_[index(source)];
  half.is_bulk = has_filled && turn.pipes.is_enabled();
  if (half.pipe != nullptr && !half.is_bulk) turn.pipes.give_back(std::move(half.pipe));
  pass_on(source, turn.buffer.first(got.n), turn);
}

// A read of the source gave nothing: for its end, for an error, or for now.
void epoll_flow::note_no_bytes(side source, const io_outcome& got) noexcept {
  flow_socket& socket = sockets_[index(source)];
  socket.may_read = false;
  if (got.would_block()) return;
  ending_.note(source, got.error != 0);
  if (got.error == 0) {
    socket.is_at_end = true;
  } else {
    socket.error = got.error;
    socket.has_failed = true;
  }
}

void epoll_flow::pass_on(side source, byte_span bytes, turn_resources& turn) {
  if (!accept(source, bytes, turn)) return;
  const std::size_t sent = write(source, bytes, turn);
  if (halves_[index(source)].is_done || sent == bytes.size()) return;
  halves_[index(source)].stuck.keep(bytes.subspan(sent));
  sockets_[index(other(source))].may_write = false;
  ++turn.stalls;
}

// Returns how many bytes the destination took. If all, and they are the source's last, its end follows.
std::size_t epoll_flow::write(side source, byte_span bytes, turn_resources& turn) {
  const int fd = sockets_[index(other(source))].fd;
  const bool are_last = sockets_[index(source)].is_at_end;
  const io_outcome sent = are_last ? write_some_before_end(fd, bytes) : write_some(fd, bytes);
  if (sent.has_failed()) {
    fail_destination(source, sent.error);
    return 0;
  }
  halves_[index(source)].bytes += sent.n;
  turn.bytes[index(source)] += sent.n;
  if (are_last && sent.n == bytes.size()) close_direction(source);
  return sent.n;
}

void epoll_flow::flush(side source, turn_resources& turn) {
  half_relay& half = halves_[index(source)];
  if (std::exchange(half.is_unseen, false) && !accept(source, half.stuck.view(), turn)) return;
  const std::size_t sent = write(source, half.stuck.view(), turn);
  has_progressed_ = has_progressed_ || sent != 0;
  half.stuck.consume(sent);
  if (!half.stuck.empty()) sockets_[index(other(source))].may_write = false;
}

// Moves what waits in the source through a pipe, but for its tail. False: it is too little, the watcher wants
// to see it, or there is no pipe.
bool epoll_flow::splice(side source, turn_resources& turn) {
  if (source == side::backend && is_watched_) return false;
  half_relay& half = halves_[index(source)];
  const int fd = sockets_[index(source)].fd;
  const std::size_t bytes =
      std::min(worth_splicing(fd, turn.buffer.size()), turn.reads_max * turn.buffer.size());
  if (bytes == 0) return false;
  const std::size_t filled = turn.pipes.fill(half.pipe, fd, bytes);
  if (filled == 0) return false;
  has_progressed_ = true;
  turn.spliced_bytes += filled;
  ending_.unseen(source);
  drain_pipe(source, turn);
  return true;
}

void epoll_flow::drain_pipe(side source, turn_resources& turn) {
  half_relay& half = halves_[index(source)];
  flow_socket& destination = sockets_[index(other(source))];
  const io_outcome sent = half.pipe->drain(destination.fd);
  if (sent.has_failed()) {
    turn.pipes.give_back(std::move(half.pipe));
    return fail_destination(source, sent.error);
  }
  has_progressed_ = has_progressed_ || sent.n != 0;
  half.bytes += sent.n;
  turn.bytes[index(source)] += sent.n;
  if (half.pipe->empty()) return;
  if (sent.would_block() || sent.n == 0) {
    destination.may_write = false;
    ++turn.stalls;
  }
}

// All that the source sent before its end is delivered.
void epoll_flow::close_direction(side source) {
  halves_[index(source)].is_done = true;
  flow_socket& destination = sockets_[index(other(source))];
  // A source that has failed seems to end as well, once a write has taken its error: settle_failures() ends
  // the flow, and no FIN may tell the destination of an orderly end.
  if (destination.has_failed || sockets_[index(source)].has_failed) return;
  if (halves_[index(other(source))].is_done) return finish(ending_.when_closed());
  // It can only be disconnected, by an error that SO_ERROR still holds.
  if (shut_down_writing(destination.fd) != 0) destination.has_failed = true;
}

void epoll_flow::fail_destination(side source, int error) noexcept {
  halves_[index(source)].stuck.clear();
  halves_[index(source)].is_done = true;
  flow_socket& destination = sockets_[index(other(source))];
  destination.error = error;
  destination.has_failed = true;
  // It may have said why before it went, as PostgreSQL does with FATAL: read that to the end.
  destination.is_hung_up = true;
  destination.may_read = !destination.is_at_end;
  ending_.note(other(source), true);
}

void epoll_flow::settle_failures() {
  const side first = ending_.first();
  for (const side which : {first, other(first)}) {
    flow_socket& socket = sockets_[index(which)];
    if (!socket.has_failed || can_step(which)) continue;
    if (socket.error == 0) socket.error = reason_of_failure(socket.fd);
    return finish(ending_.when_failed(which, socket.error), socket.error);
  }
}

// Each byte once, before it is sent. False: it must not be.
bool epoll_flow::accept(side source, byte_span bytes, turn_resources& turn) {
  if (source == side::client) {
    ending_.from_client(bytes);
    return true;
  }
  if (is_watched_) {
    turn.has_told_owner = true;
    const watch_verdict verdict = owner_->on_backend_bytes(bytes);
    is_watched_ = verdict == watch_verdict::watching;
    if (verdict == watch_verdict::refuse) finish(flow_end::refused);
    if (has_ended()) return false;  // the watcher may also have called stop()
  }
  ending_.to_client(bytes);
  return true;
}

}  // namespace pgsteer::relay
