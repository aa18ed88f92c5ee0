#pragma once
// flow_engine: what both engines do alike with their flows: own them, queue them, end them, tell their
// owners, count.
//
// Moves no byte and waits for nothing: epoll_engine and uring_engine do, which derive from it. Worker's
// thread.
//
// Flow: adopt() in start() -> make_ready() whenever there is something to do -> the engine's turn pumps
// ready_, and puts those that have ended and that it is done with into ended_ -> finish_turn().
#include <cstddef>

#include "pgsteer/relay/engine.hpp"
#include "relay/flow.hpp"
#include "relay/half_closed_flows.hpp"
#include "relay/quiet_flows.hpp"
#include "relay/splice_pipe.hpp"

namespace pgsteer::relay {

class flow_engine : public engine {
 public:
  // Each socket's stall guard looks once in so many ticks, so every 10 s; the default user time-out is 60 s.
  static constexpr std::size_t ticks_per_guard_round = 10;

  flow_engine(const flow_engine&) = delete;
  flow_engine& operator=(const flow_engine&) = delete;

  void stop(flow& target) override;
  void stop_when_idle(flow& target, duration quiet) override;
  [[nodiscard]] bool stay(flow& target) override;
  [[nodiscard]] std::optional<duration> leave_quiet(time_point now) override;
  [[nodiscard]] bool detach(flow& target) override;
  [[nodiscard]] flow_view look(const flow& target) const noexcept override { return target.view(); }
  void tick(time_point now) override;
  void retune(const relay_options& options) override;

  // User memory held for bytes that a destination does not take; for tests and diagnosis. O(flows).
  [[nodiscard]] std::size_t stuck_bytes_held() const noexcept;
  [[nodiscard]] std::size_t stalled_flows() const noexcept;  // likewise
  [[nodiscard]] std::size_t flow_count() const noexcept { return flow_count_; }

 protected:
  flow_engine(const relay_options& options, metrics::relay_counters& counters);
  ~flow_engine() override;

  void adopt(flow& started) noexcept;
  using flow_queue = flow_list<&flow::in_queue>;
  // From whatever queue it waits in.
  static void move_to(flow_queue& queue, flow& chosen) noexcept;
  void make_ready(flow& chosen) noexcept { move_to(ready_, chosen); }
  // Out of the queues and of what a tick looks at.
  static void dequeue(flow& ended) noexcept;
  // Publishes what the turn has counted, and tells the owners of those that ended.
  void finish_turn(flow_turn& turn);

  relay_options options_;
  metrics::relay_counters& counters_;
  pipe_pool pipes_;
  flow_list<&flow::in_all> all_;
  flow_queue ready_;
  flow_queue ended_;  // and out of the kernel's hands
  half_closed_flows half_closed_;
  quiet_flows awaiting_quiet_;
  socket_waits waiting_;
  bool is_in_turn_ = false;

 private:
  void deliver_ends();
  void guard_stalls();

  std::size_t flow_count_ = 0;
};

}  // namespace pgsteer::relay
