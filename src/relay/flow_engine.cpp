#include "relay/flow_engine.hpp"

#include <algorithm>

#include "pgsteer/base/assert.hpp"

namespace pgsteer::relay {

flow_engine::flow_engine(const relay_options& options, metrics::relay_counters& counters)
    : options_(options), counters_(counters), pipes_(options.splice == toggle::on) {
  PGSTEER_ASSERT(options_.buffer_bytes > 0 && options_.reads_per_turn_max > 0);
}

void flow_engine::retune(const relay_options& options) {
  PGSTEER_ASSERT(!is_in_turn_ && options.buffer_bytes > 0 && options.reads_per_turn_max > 0);
  const engine_choice chosen = options_.engine;
  options_ = options;
  options_.engine = chosen;
  pipes_.want(options.splice == toggle::on);
}

flow_engine::~flow_engine() {
  waiting_.clear();
  all_.clear_and_dispose([](flow* live) { delete live; });
}

void flow_engine::adopt(flow& started) noexcept {
  all_.push_back(started);
  ++flow_count_;
}

void flow_engine::move_to(flow_queue& queue, flow& chosen) noexcept {
  chosen.in_queue.unlink();
  queue.push_back(chosen);
}

void flow_engine::dequeue(flow& ended) noexcept {
  ended.in_queue.unlink();
  ended.in_half_closed.unlink();
  ended.in_awaiting_quiet.unlink();
}

void flow_engine::stop(flow& target) {
  if (target.has_ended()) return;
  target.finish(flow_end::stopped);
  make_ready(target);
}

void flow_engine::stop_when_idle(flow& target, duration quiet) {
  if (target.has_ended()) return;
  target.ask_to_stop_when_idle();
  awaiting_quiet_.note(target, quiet);
  make_ready(target);
}

bool flow_engine::stay(flow& target) {
  return target.ask_to_stay();
}

std::optional<duration> flow_engine::leave_quiet(time_point now) {
  return awaiting_quiet_.look(now, [this](flow& quiet) {
    quiet.note_quiet();
    make_ready(quiet);
  });
}

bool flow_engine::detach(flow& target) {
  if (!target.ask_to_detach()) return false;
  make_ready(target);
  return true;
}

void flow_engine::finish_turn(flow_turn& turn) {
  for (std::size_t i = 0; i < turn.bytes.size(); ++i)
    if (turn.bytes[i] != 0) counters_.bytes[i].add(turn.bytes[i]);
  if (turn.stalls != 0) counters_.stalls.add(turn.stalls);
  if (turn.spliced_bytes != 0) counters_.spliced_bytes.add(turn.spliced_bytes);
  if (!ended_.empty()) turn.report.has_told_owner = true;
  deliver_ends();
}

// Flows that on_end() ends in its turn wait for the next one.
void flow_engine::deliver_ends() {
  flow_queue batch;
  batch.swap(ended_);
  while (!batch.empty()) {
    flow& ended = batch.front();
    batch.pop_front();
    ended.tell_owner();
    --flow_count_;
    delete &ended;
  }
}

void flow_engine::tick(time_point now) {
  half_closed_.expire(now, options_.half_close_timeout, [this](flow& oldest) {
    oldest.finish(flow_end::half_closed_too_long);
    make_ready(oldest);
  });
  guard_stalls();
}

void flow_engine::guard_stalls() {
  for (std::size_t left = (flow_count_ + ticks_per_guard_round - 1) / ticks_per_guard_round;
       left > 0 && !all_.empty(); --left) {
    flow& next = all_.front();
    all_.pop_front();
    all_.push_back(next);
    next.guard_stalls();
  }
}

std::size_t flow_engine::stuck_bytes_held() const noexcept {
  std::size_t held = 0;
  for (const flow& live : all_) held += live.stuck_capacity();
  return held;
}

std::size_t flow_engine::stalled_flows() const noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(all_, &flow::holds_bytes));
}

}  // namespace pgsteer::relay
