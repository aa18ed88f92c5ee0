#include "relay/uring_engine.hpp"

#include <cerrno>
#include <utility>

#include "pgsteer/base/assert.hpp"
#include "pgsteer/relay/socket_io.hpp"

namespace pgsteer::relay {

result<std::unique_ptr<engine>> uring_engine::make(int extra_fd, const relay_options& options,
                                                   metrics::relay_counters& counters) {
  net::unique_fd room_set(::epoll_create1(EPOLL_CLOEXEC));
  if (!room_set.is_open()) return to_error_code(errno);
  auto ring = uring_ring::make(options.buffer_bytes, {{extra_fd, room_set.value()}});
  if (!ring) return ring.error();
  return std::unique_ptr<engine>(
      std::make_unique<uring_engine>(std::move(room_set), std::move(*ring), options, counters));
}

uring_engine::uring_engine(net::unique_fd room_set, std::unique_ptr<uring_ring> ring,
                           const relay_options& options, metrics::relay_counters& counters)
    : flow_engine(options, counters), room_(std::move(room_set)), ring_(std::move(ring)) {}

uring_engine::~uring_engine() {
  PGSTEER_ASSERT(!is_in_turn_);
  for (flow& live : all_) static_cast<uring_flow&>(live).revoke_sends(*ring_);
  ring_.reset();  // takes everything back from the kernel, so before what it was lent
  for (uring_waits* list : {&asked_, &unwanted_})
    list->clear_and_dispose([](uring_wait* asked) { delete asked; });
}

flow* uring_engine::start(const flow_start& start) {
  auto* const started = std::make_unique<uring_flow>(start).release();  // flow_engine owns it
  adopt(*started);
  make_ready(*started);
  return started;
}

void uring_engine::stop(flow& target) {
  if (target.has_ended()) return;
  flow_engine::stop(target);
  static_cast<uring_flow&>(target).revoke_sends(*ring_);
}

result<void> uring_engine::wait(socket_wait& who, int fd, readiness what) {
  PGSTEER_ASSERT(!who.is_waiting());
  ring_->enable();
  auto made = std::make_unique<uring_wait>();
  made->what = uring_operation::kind::wait;
  made->who = &who;
  ring_->wait_for(*made, fd, what);
  who.request_ = made.get();
  waiting_.push_back(who);
  asked_.push_back(*made.release());
  return {};
}

void uring_engine::forget(socket_wait& who) {
  PGSTEER_ASSERT(!is_in_turn_);
  if (!who.is_waiting()) return;
  who.unlink();
  auto& asked = *static_cast<uring_wait*>(std::exchange(who.request_, nullptr));
  asked.who = nullptr;
  asked.unlink();
  unwanted_.push_back(asked);
}

turn_report uring_engine::turn(bool may_wait) {
  is_in_turn_ = true;
  ring_->enable();
  cancel_unwanted();
  uring_turn turn{{pipes_},
                  *ring_,
                  room_,
                  ++turn_number_,
                  options_.buffer_bytes,
                  options_.buffer_bytes * options_.reads_per_turn_max};
  turn.report.is_idle = !has_work();
  ready_.splice(ready_.end(), next_turn_);
  pump_ready(turn);  // what start() and stop() have left, or the turn before
  take_completions(turn, may_wait && turn.report.is_idle);
  if (!turn.report.is_idle) {
    counters_.turns.add();
    pump_ready(turn);
    if (turn.report.is_extra_fd_ready || turn.report.has_told_owner) {  // others come before the next turn
      take_completions(turn, false);
      pump_ready(turn);
    }
    finish_turn(turn);
  }
  is_in_turn_ = false;
  return turn.report;
}

bool uring_engine::has_work() const noexcept {
  return !ready_.empty() || !next_turn_.empty() || !ended_.empty() || !unwanted_.empty();
}

// The kernel does what it has put off in small portions. They are put together, so that their sends go out
// one after the other: else a peer that shares the core would be woken after each portion.
void uring_engine::take_completions(uring_turn& turn, bool may_wait) {
  ring_->enter(may_wait && !std::exchange(awaits_sends_, false));
  take_portion(turn);
  for (int n = 1; n < portions_per_turn_max && !turn.has_much && ring_->has_kernel_work(); ++n) {
    ring_->enter(false);
    take_portion(turn);
  }
}

// Only marks: no flow is destroyed before every completion of the batch has been looked at.
void uring_engine::take_portion(uring_turn& turn) {
  const auto ready = ring_->drain([&](const uring_completion& done) {
    turn.report.is_idle = false;
    if (done.operation->what == uring_operation::kind::wait)
      return on_wait(static_cast<uring_wait&>(*done.operation), turn);
    uring_flow& owner = *done.operation->owner;
    owner.on_completion(done, turn);
    make_ready(owner);
  });
  if (ready.any()) turn.report.is_idle = false;
  if (ready.test(0)) turn.report.is_extra_fd_ready = true;
  if (!ready.test(1)) return;
  room_.take([&](void* who) {
    const auto& send = *static_cast<uring_operation*>(who);
    send.owner->on_room(send.source);
    make_ready(*send.owner);
  });
}

void uring_engine::on_wait(uring_wait& wait, uring_turn& turn) {
  if (!wait.is_in_flight && wait.who != nullptr) {
    socket_wait& who = *std::exchange(wait.who, nullptr);
    who.request_ = nullptr;
    who.unlink();
    turn.report.has_told_owner = true;
    who.on_ready();
  }
  if (!wait.is_pending()) {
    delete &wait;
  } else if (!wait.is_cancelling) {  // its cancellation came too early
    wait.unlink();
    unwanted_.push_back(wait);
  }
}

// The kernel lets go of a socket only with the last request for it.
void uring_engine::cancel_unwanted() {
  for (int n = 0; n < retired_per_pump_max && !unwanted_.empty(); ++n) {
    uring_wait& next = unwanted_.front();
    ring_->cancel(next);
    asked_.splice(asked_.end(), unwanted_, unwanted_.begin());
  }
}

void uring_engine::pump_ready(uring_turn& turn) {
  retired_in_pump_ = 0;
  flow_queue batch;
  batch.swap(ready_);
  while (!batch.empty()) {
    auto& next = static_cast<uring_flow&>(batch.front());
    batch.pop_front();
    pump(next, turn);
  }
  hand_out_buffers();
  if (!awaiting_buffers_.empty()) awaits_sends_ = true;
}

void uring_engine::pump(uring_flow& next, uring_turn& turn) {
  if (next.has_ended() || next.is_to_detach()) return retire(next, turn);
  switch (next.pump(turn)) {
    case uring_flow::outcome::waits:
      break;
    case uring_flow::outcome::wants_another_turn:
      move_to(next_turn_, next);
      break;
    case uring_flow::outcome::wants_buffers:
      move_to(awaiting_buffers_, next);
      break;
    case uring_flow::outcome::ended:
      return retire(next, turn);
  }
  half_closed_.note(next);
  if (next.awaits_sends()) awaits_sends_ = true;
}

// One buffer for each flow that waits for one, so that not all of them come in vain.
void uring_engine::hand_out_buffers() {
  for (std::size_t left = ring_->buffers().lent(); left > 0 && !awaiting_buffers_.empty(); --left) {
    auto& longest = static_cast<uring_flow&>(awaiting_buffers_.front());
    longest.on_buffers();
    make_ready(longest);
  }
}

// Comes back with each completion until the kernel holds nothing of it any more; on_end() follows at the end
// of that turn.
void uring_engine::retire(uring_flow& ended, uring_turn& turn) {
  dequeue(ended);
  if (ended.has_pending_operations()) {
    awaits_sends_ = true;
    if (++retired_in_pump_ > retired_per_pump_max) return move_to(next_turn_, ended);
    return ended.cancel_all(*ring_);
  }
  if (ended.is_to_detach()) ended.detach(turn);
  ended.release(ring_->buffers(), pipes_, room_);
  ended_.push_back(ended);
}

}  // namespace pgsteer::relay
