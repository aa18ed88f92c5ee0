#include "relay/epoll_flow.hpp"

#include <cerrno>

#include "pgsteer/base/log.hpp"
#include "pgsteer/net/socket.hpp"
#include "relay/socket_io.hpp"

namespace pgsteer::relay {

epoll_flow::epoll_flow(const flow_start& start)
    : owner_(start.owner),
      goodbye_(start.is_watched || start.is_readable_protocol),
      is_watched_(start.is_watched) {
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
    note_end(&socket == &sockets_[index(side::client)] ? side::client : side::backend,
             (events & EPOLLERR) != 0);
  }
  if ((events & EPOLLIN) != 0 || is_hung_up) socket.may_read = !socket.is_at_end;
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) socket.may_write = true;
  if ((events & EPOLLERR) != 0) socket.has_failed = true;
}

epoll_flow::outcome epoll_flow::pump(turn_resources& turn) {
  has_progressed_ = false;
  for (std::uint32_t steps = 0; steps < turn.reads_max; ++steps) {
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
    finish(stuck == side::client ? flow_end::client_failed : flow_end::backend_failed, ENOTRECOVERABLE);
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
  summary.is_idle_outside_transaction = is_idle_outside_transaction();
}

// True: step(source) makes a system call that moves bytes or changes the state.
bool epoll_flow::can_step(side source) const noexcept {
  const half_relay& half = halves_[index(source)];
  if (half.is_done) return false;
  if (!half.stuck.empty()) return sockets_[index(other(source))].may_write;
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
  if (halves_[index(source)].stuck.empty()) {
    read(source, turn);
  } else {
    flush(source, turn);
  }
}

void epoll_flow::read(side source, turn_resources& turn) {
  flow_socket& socket = sockets_[index(source)];
  const io_outcome got = read_some(socket.fd, turn.buffer);
  if (got.error != 0) {
    socket.may_read = false;
    if (got.would_block()) return;
    socket.error = got.error;
    socket.has_failed = true;
    note_end(source, true);
    return;
  }
  has_progressed_ = true;
  if (got.n == 0) {
    socket.is_at_end = true;
    socket.may_read = false;
    note_end(source, false);
    return close_direction(source);
  }
  // A short read has emptied the socket, so the next byte brings an edge: epoll(7), "Questions and answers",
  // 9. An end that came before the read brings none; is_hung_up has seen it. (Reads also stop short of TCP
  // urgent data, which PostgreSQL never sends; a client that does waits for its own next byte.)
  if (got.n < turn.buffer.size() && !socket.is_hung_up) socket.may_read = false;
  pass_on(source, turn.buffer.first(got.n), turn);
}

void epoll_flow::pass_on(side source, byte_span bytes, turn_resources& turn) {
  if (source == side::client) {
    note_from_client(bytes);
  } else {
    if (!show(bytes)) return;
    note_to_client(bytes);
  }
  flow_socket& destination = sockets_[index(other(source))];
  const io_outcome sent = write_some(destination.fd, bytes);
  if (sent.has_failed()) return fail_destination(source, sent.error);
  halves_[index(source)].bytes += sent.n;
  turn.bytes[index(source)] += sent.n;
  if (sent.n == bytes.size()) return;
  halves_[index(source)].stuck.keep(bytes.subspan(sent.n));
  destination.may_write = false;
  ++turn.stalls;
}

void epoll_flow::flush(side source, turn_resources& turn) {
  half_relay& half = halves_[index(source)];
  if (half.is_unseen) {
    half.is_unseen = false;
    if (!show(half.stuck.view())) return;
    note_to_client(half.stuck.view());
  }
  flow_socket& destination = sockets_[index(other(source))];
  const io_outcome sent = write_some(destination.fd, half.stuck.view());
  if (sent.has_failed()) return fail_destination(source, sent.error);
  has_progressed_ = has_progressed_ || sent.n != 0;
  half.bytes += sent.n;
  turn.bytes[index(source)] += sent.n;
  half.stuck.consume(sent.n);
  if (!half.stuck.empty()) destination.may_write = false;
}

// A source is read only while nothing of it is stuck, so all that it sent before its end is delivered.
void epoll_flow::close_direction(side source) {
  halves_[index(source)].is_done = true;
  flow_socket& destination = sockets_[index(other(source))];
  if (destination.has_failed) return;
  if (const int error = shut_down_writing(destination.fd); error != 0) {
    destination.has_failed = true;  // it can only be disconnected, by an error that SO_ERROR still holds
    return;
  }
  if (!halves_[index(other(source))].is_done || sockets_[index(source)].has_failed) return;
  finish(ending_.when_closed(goodbye_));
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
  note_end(other(source), true);
}

void epoll_flow::settle_failures() {
  const side first = ending_.first();
  for (const side which : {first, other(first)}) {
    flow_socket& socket = sockets_[index(which)];
    if (!socket.has_failed || can_step(which)) continue;
    if (socket.error == 0) socket.error = pending_error(socket.fd);
    // A reset after both FINs leaves no error behind.
    if (socket.error == 0) socket.error = ECONNRESET;
    return finish(ending_.when_failed(which, socket.error, goodbye_), socket.error);
  }
}

// Shows the watcher bytes from the backend. False: they go no further.
bool epoll_flow::show(byte_span bytes) {
  if (!is_watched_) return true;
  switch (owner_->on_backend_bytes(bytes)) {
    case watch_verdict::watching:
      break;
    case watch_verdict::done:
      is_watched_ = false;
      break;
    case watch_verdict::refuse:
      finish(flow_end::refused);
      break;
  }
  return !has_ended();  // the watcher may also have called stop()
}

bool epoll_flow::is_idle_outside_transaction() const noexcept {
  if (!goodbye_.is_readable() || !tail_.is_ready()) return false;
  if (!halves_[0].stuck.empty() || !halves_[1].stuck.empty()) return false;
  // What has arrived and was not read yet counts as sent.
  return net::peek(sockets_[index(side::client)].fd) == net::pending_input::nothing &&
         net::peek(sockets_[index(side::backend)].fd) != net::pending_input::bytes;
}

void epoll_flow::note_from_client(byte_span bytes) noexcept {
  tail_.from_client();
  goodbye_.from_client(bytes);
}

void epoll_flow::note_to_client(byte_span bytes) noexcept {
  tail_.to_client(bytes);
  goodbye_.to_client(bytes);
}

void epoll_flow::note_end(side which, bool has_failed) noexcept {
  ending_.note(which, has_failed, goodbye_, sockets_[index(side::client)].fd);
}

}  // namespace pgsteer::relay
