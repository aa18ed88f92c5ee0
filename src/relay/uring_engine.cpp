#include "relay/uring_engine.hpp"

#include <sys/eventfd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>

#include "pgsteer/base/assert.hpp"
#include "pgsteer/net/unique_fd.hpp"
#include "relay/socket_io.hpp"

namespace pgsteer::relay {

result<std::unique_ptr<engine>> uring_engine::make(boost::asio::io_context& context,
                                                   const relay_options& options,
                                                   metrics::relay_counters& counters) {
  auto ring = uring_ring::make(options.buffer_bytes);
  if (!ring) return ring.error();
  net::unique_fd event_fd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!event_fd.is_open()) return to_error_code(errno);
  if (const int error = (*ring)->signal_to(event_fd.value()); error != 0) return to_error_code(error);
  boost::asio::posix::stream_descriptor events(context);
  error_code ec;
  events.assign(event_fd.value(), ec);
  if (ec) return ec;
  (void)event_fd.release();
  return std::unique_ptr<engine>(
      std::make_unique<uring_engine>(std::move(events), std::move(*ring), options, counters));
}

uring_engine::uring_engine(boost::asio::posix::stream_descriptor events, std::unique_ptr<uring_ring> ring,
                           const relay_options& options, metrics::relay_counters& counters)
    : events_(std::move(events)),
      ring_(std::move(ring)),
      options_(options),
      counters_(counters),
      self_(std::make_shared<uring_engine*>(this)) {
  PGSTEER_ASSERT(options_.buffer_bytes > 0 && options_.reads_per_turn_max > 0);
}

uring_engine::~uring_engine() {
  PGSTEER_ASSERT(!is_in_turn_);
  *self_ = nullptr;
  for (uring_flow& live : all_) live.revoke_sends(*ring_);
  ring_.reset();  // takes everything back from the kernel, so before what it was lent
  all_.clear_and_dispose([](uring_flow* live) { delete live; });
}

flow* uring_engine::start(const flow_start& start) {
  auto made = std::make_unique<uring_flow>(start);
  uring_flow& started = *made.release();  // all_ owns it
  all_.push_back(started);
  ++flow_count_;
  if (const int error = ring_->enable(); error != 0) started.finish(flow_end::client_failed, error);
  make_ready(started);
  if (!is_in_turn_) post_turn();
  return &started;
}

void uring_engine::stop(flow& target) {
  auto& stopped = static_cast<uring_flow&>(target);
  if (stopped.has_ended()) return;
  stopped.finish(flow_end::stopped);
  stopped.revoke_sends(*ring_);
  make_ready(stopped);
  if (!is_in_turn_) post_turn();
}

// The read clears the eventfd; Asio tries it at once, so a signal that came before is not lost.
void uring_engine::arm() {
  if (is_armed_) return;
  is_armed_ = true;
  events_.async_read_some(boost::asio::buffer(&event_count_, sizeof event_count_),
                          [self = self_](const error_code& ec, std::size_t) {
                            if (*self == nullptr || ec) return;
                            (*self)->is_armed_ = false;
                            (*self)->turn();
                          });
}

void uring_engine::post_turn() {
  if (is_posted_) return;
  is_posted_ = true;
  boost::asio::post(events_.get_executor(), [self = self_] {
    if (*self == nullptr) return;
    (*self)->is_posted_ = false;
    (*self)->turn();
  });
}

void uring_engine::turn() {
  is_in_turn_ = true;
  counters_.turns.add();
  ring_->quiet(true);
  uring_turn turn{.ring = *ring_,
                  .number = ++turn_number_,
                  .block_bytes = options_.buffer_bytes,
                  .bytes_max = std::size_t{options_.buffer_bytes} * options_.reads_per_turn_max};
  ready_.splice(ready_.end(), next_turn_);
  pump_ready(turn);
  for (int round = 0; round == 0 || (round < rounds_per_turn_max && has_work()); ++round) {
    ring_->enter();
    take_completions(turn);
    pump_ready(turn);
  }
  for (std::size_t i = 0; i < turn.bytes.size(); ++i)
    if (turn.bytes[i] != 0) counters_.bytes[i].add(turn.bytes[i]);
  if (turn.stalls != 0) counters_.stalls.add(turn.stalls);
  deliver_ends();
  is_in_turn_ = false;
  ring_->quiet(false);
  if (has_work() || !next_turn_.empty() || !ended_.empty()) {
    post_turn();
  } else {
    arm();
  }
}

bool uring_engine::has_work() const noexcept {
  return !ready_.empty() || ring_->has_unsubmitted() || ring_->has_kernel_work();
}

// Only marks: no flow is destroyed before every completion of the batch has been looked at.
void uring_engine::take_completions(uring_turn& turn) {
  ring_->drain([&](const uring_completion& done) {
    uring_flow& owner = *done.operation->owner;
    owner.on_completion(done, turn);
    make_ready(owner);
  });
}

// From whatever list it waits in.
void uring_engine::make_ready(uring_flow& chosen) noexcept {
  chosen.in_queue.unlink();
  ready_.push_back(chosen);
}

void uring_engine::pump_ready(uring_turn& turn) {
  flow_list<&uring_flow::in_queue> batch;
  batch.swap(ready_);
  while (!batch.empty()) {
    uring_flow& next = batch.front();
    batch.pop_front();
    pump(next, turn);
  }
  feed();
}

void uring_engine::pump(uring_flow& next, uring_turn& turn) {
  if (next.has_ended()) return retire(next);
  switch (next.pump(turn)) {
    case uring_flow::outcome::waits:
      break;
    case uring_flow::outcome::wants_another_turn:
      next_turn_.push_back(next);
      break;
    case uring_flow::outcome::wants_buffers:
      hungry_.push_back(next);
      break;
    case uring_flow::outcome::ended:
      return retire(next);
  }
  half_closed_.note(next);
}

// One buffer for each flow that waits for one, so that not all of them come in vain.
void uring_engine::feed() {
  for (std::size_t left = ring_->buffers().lent(); left > 0 && !hungry_.empty(); --left) {
    uring_flow& longest = hungry_.front();
    longest.on_buffers();
    make_ready(longest);
  }
}

// Comes back with each completion until the kernel holds nothing of it any more; on_end() follows at the end
// of that turn.
void uring_engine::retire(uring_flow& ended) {
  ended.in_queue.unlink();
  ended.in_half_closed.unlink();
  if (ended.is_kernels()) return ended.cancel_all(*ring_);
  ended.release(ring_->buffers());
  ended_.push_back(ended);
}

// Flows that on_end() ends in its turn wait for the next one.
void uring_engine::deliver_ends() {
  flow_list<&uring_flow::in_queue> batch;
  batch.swap(ended_);
  while (!batch.empty()) {
    uring_flow& ended = batch.front();
    batch.pop_front();
    ended.owner().on_end(ended.summary());
    --flow_count_;
    delete &ended;
  }
}

void uring_engine::tick(time_point now) {
  half_closed_.expire(now, options_.half_close_timeout, [this](uring_flow& oldest) {
    oldest.finish(flow_end::half_closed_too_long);
    make_ready(oldest);
    post_turn();
  });
  guard_stalls();
}

void uring_engine::guard_stalls() {
  for (std::size_t left = (flow_count_ + ticks_per_guard_round - 1) / ticks_per_guard_round;
       left > 0 && !all_.empty(); --left) {
    uring_flow& next = all_.front();
    all_.pop_front();
    all_.push_back(next);
    if (next.has_ended()) continue;
    for (const side which : {side::client, side::backend}) next.guard(which).look_at(next.fd(which));
  }
}

std::size_t uring_engine::stuck_bytes_held() const noexcept {
  std::size_t held = 0;
  for (const uring_flow& live : all_)
    held += live.stuck_capacity(side::client) + live.stuck_capacity(side::backend);
  return held;
}

}  // namespace pgsteer::relay
