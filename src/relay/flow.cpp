#include "relay/flow.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "pgsteer/base/assert.hpp"
#include "pgsteer/base/log.hpp"
#include "pgsteer/net/socket.hpp"
#include "pgsteer/relay/socket_io.hpp"

namespace pgsteer::relay {

flow::flow(const flow_start& start)
    : is_watched_(start.is_watched),
      ending_(start.past != nullptr ? flow_ending(start.past->memory) : flow_ending(start.is_watched)),
      owner_(start.owner),
      tally_(start.tally) {
  socket(side::client).fd = start.client_fd;
  socket(side::backend).fd = start.backend_fd;
  half(side::client).stuck.keep(start.to_backend);
  half(side::backend).stuck.keep(start.to_client);
  half(side::backend).is_unseen = !start.to_client.empty();
  if (start.past != nullptr) carry_on(*start.past);
}

void flow::carry_on(const flow_past& past) noexcept {
  PGSTEER_ASSERT(!is_watched_);
  for (const side which : {side::client, side::backend}) {
    const std::size_t i = index(which);
    flow_socket& of = socket(which);
    of.error = past.error[i];
    of.has_failed = of.is_hung_up = past.error[i] != 0;
    of.guard.user_timeout_taken_ms = past.user_timeout_taken_ms[i];
    half(which).bytes = past.bytes[i];
    half(which).is_done = past.is_done[i];
    half(which).is_unseen = false;
  }
}

flow_past flow::past() const noexcept {
  flow_past made;
  for (const side which : {side::client, side::backend}) {
    const std::size_t i = index(which);
    const flow_socket& of = socket(which);
    made.bytes[i] = half(which).bytes;
    made.is_done[i] = half(which).is_done;
    made.error[i] = of.has_failed && of.error == 0 ? reason_of_failure(of.fd) : of.error;
    made.user_timeout_taken_ms[i] = of.guard.user_timeout_taken_ms;
  }
  made.memory = ending_.memory();
  return made;
}

bool flow::ask_to_detach() noexcept {
  if (is_watched_ || has_ended()) return false;
  is_to_detach_ = true;
  return true;
}

void flow::detach(flow_turn& turn) {
  auto made = std::make_unique<carried_flow>();
  for (const side source : {side::client, side::backend}) {
    half_relay& way = half(source);
    (void)accept_stuck(source, turn);  // nobody watches
    std::vector<std::uint8_t>& stuck = made->stuck[index(source)];
    if (way.pipe != nullptr && !way.pipe->empty()) {
      stuck.resize(way.pipe->held());
      way.pipe->read_back(stuck);
    }
    stuck.insert(stuck.end(), way.stuck.view().begin(), way.stuck.view().end());
    way.stuck.clear();
  }
  made->past = past();
  carried_ = std::move(made);
}

void flow::finish(flow_end end, int error) noexcept {
  if (has_ended()) return;
  end_ = end;
  error_ = error;
  if (end != flow_end::defect) return;
  log(log_level::error, "a defect of the relay has ended a session; please report it",
      {{"error", to_error_code(error).message()}});
}

// While it leaves, its backend ends because it was told to.
void flow::fail(side which, int error) noexcept {
  const flow_end end = ending_.when_failed(which, error);
  finish(is_leaving_ && end == flow_end::backend_closed ? flow_end::stopped : end, error);
}

bool flow::ask_to_stay() noexcept {
  if (is_leaving_ || has_ended()) return false;
  is_to_stop_when_idle_ = is_quiet_ = false;
  in_awaiting_quiet.unlink();
  awaited_quiet = {};
  return true;
}

void flow::release(pipe_pool& pipes) noexcept {
  PGSTEER_ASSERT(has_ended());
  for (half_relay& way : halves_) {
    if (way.holds_bytes()) has_bytes_left_ = true;
    pipes.give_back(std::move(way.pipe));
    way.stuck.clear();
  }
}

void flow::tell_owner() {
  if (carried_ != nullptr) return owner_->on_detach(std::move(*carried_));
  owner_->on_end(summary());
}

flow_summary flow::summary() const {
  flow_summary made;
  made.end = end_.value();
  if (error_ != 0) made.error = to_error_code(error_);
  for (const side source : {side::client, side::backend}) made.bytes[index(source)] = half(source).bytes;
  made.is_idle_outside_transaction = was_idle_ || (!has_bytes_left_ && is_idle());
  made.is_all_said = !ending_.is_readable() || (has_left_ && !was_idle_);
  return made;
}

// Asks no socket: what lies there unread has not been passed on.
flow_view flow::view() const noexcept {
  flow_view made;
  for (const side source : {side::client, side::backend}) made.bytes[index(source)] = half(source).bytes;
  made.is_half_closed = is_half_closed();
  if (!ending_.is_readable()) {
    made.moment = flow_moment::unreadable;
  } else if (!holds_bytes() && ending_.is_client_ready()) {
    made.moment = flow_moment::idle;
  } else if (!holds_bytes() && ending_.is_client_in_transaction()) {
    made.moment = flow_moment::in_transaction;
  }
  return made;
}

void flow::leave() noexcept {
  is_leaving_ = has_progressed_ = true;
  close_direction(side::client);
}

void flow::finish_closed() noexcept {
  if (!is_leaving_) return finish(ending_.when_closed());
  finish(flow_end::stopped);
  was_idle_ = ending_.is_client_ready();
  has_left_ = true;
}

// What has arrived and was not read counts as sent.
bool flow::is_idle() const noexcept {
  return ending_.is_client_ready() && is_nothing_unread();
}

bool flow::is_answered() const noexcept {
  return ending_.has_backend_spoken_last() && is_nothing_unread();
}

bool flow::is_nothing_unread() const noexcept {
  return net::peek(fd(side::client)) == net::pending_input::nothing &&
         net::peek(fd(side::backend)) != net::pending_input::bytes;
}

void flow::guard_stalls() noexcept {
  if (has_ended()) return;
  for (flow_socket& guarded : sockets_) guarded.guard.look_at(guarded.fd);
}

bool flow::accept(side source, byte_span bytes, flow_turn& turn) {
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

std::size_t flow::worth_a_pipe(side source, std::size_t buffer_bytes, std::size_t bytes_max) const noexcept {
  if (source == side::backend && is_watched_) return 0;
  return std::min(worth_splicing(fd(source), buffer_bytes), bytes_max);
}

bool flow::fill_pipe(side source, std::size_t bytes, flow_turn& turn) {
  const std::size_t filled = turn.pipes.fill(half(source).pipe, fd(source), bytes);
  if (filled == 0) return false;
  has_progressed_ = true;
  turn.spliced_bytes += filled;
  ending_.note_unseen(source);
  return true;
}

void flow::note_end(side which, bool has_failed) noexcept {
  const bool asks = ending_.depends_on_client(which);
  ending_.note(which, has_failed, asks ? net::state_of_peer(fd(side::client)) : net::peer_state::present);
}

void flow::close_direction(side source) noexcept {
  half(source).is_done = true;
  if (source == side::backend) ending_.note_client_told();
  flow_socket& destination = socket(other(source));
  // A source that has failed seems to end as well, once a write has taken its error: settle_failures() ends
  // the flow, and no FIN may tell the destination of an orderly end.
  if (destination.has_failed || socket(source).has_failed) return;
  if (half(other(source)).is_done) return finish_closed();
  if (shut_down_writing(destination.fd) == 0) return;
  destination.has_failed = true;  // it can only be disconnected, by an error that SO_ERROR still holds
  destination.is_hung_up = true;
}

void flow::fail_destination(side source, int error, pipe_pool& pipes) noexcept {
  half_relay& failed = half(source);
  pipes.give_back(std::move(failed.pipe));
  failed.stuck.clear();
  failed.is_done = true;
  has_progressed_ = true;
  flow_socket& destination = socket(other(source));
  destination.error = error;
  destination.has_failed = true;
  // It may have said why before it went, as PostgreSQL does with FATAL: read that to the end.
  destination.is_hung_up = true;
  note_end(other(source), true);
}

void flow::settle_failures(std::array<bool, 2> is_moving) noexcept {
  const side first = ending_.first();
  for (const side which : {first, other(first)}) {
    flow_socket& failed = socket(which);
    if (!failed.has_failed || is_moving[index(which)]) continue;
    if (failed.error == 0) failed.error = reason_of_failure(failed.fd);
    return fail(which, failed.error);
  }
}

void flow::guard_progress(bool wants_another_turn) noexcept {
  if (progress_.is_exceeded(wants_another_turn, std::exchange(has_progressed_, false)))
    finish(flow_end::defect, ENOTRECOVERABLE);
}

}  // namespace pgsteer::relay
