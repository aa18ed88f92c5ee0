#pragma once
// uring_engine: the relay engine over io_uring; one ring, in which the worker waits.
//
// Owns the ring with its buffers, and the flows; not the sockets. Worker's thread, but made on any: the first
// turn() makes the ring the calling thread's.
//
// A turn: submit what was prepared, wait if it may and let the kernel do what it had put off; note its
// completions, pump each flow that has one, deliver on_end() of those that ended. What that prepares goes
// with the next turn. What a wake-up costs: one io_uring_enter for each 20 flows or so that have
// something.
#include <boost/intrusive/list.hpp>
#include <memory>

#include "pgsteer/relay/engine.hpp"
#include "relay/half_closed_flows.hpp"
#include "relay/uring_flow.hpp"
#include "relay/uring_ring.hpp"

namespace pgsteer::relay {

// What the kernel was asked for a socket_wait. It may outlive that: then who is gone, and it is on its way
// back.
struct uring_wait
    : uring_operation,
      boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  socket_wait* who = nullptr;
};

using uring_waits = boost::intrusive::list<uring_wait, boost::intrusive::constant_time_size<false>>;

class uring_engine final : public engine {
 public:
  // Recent kernels do 20 things in each (IO_LOCAL_TW_DEFAULT_MAX, io_uring.c), so this is about what
  // epoll_engine takes in one turn.
  static constexpr int portions_per_turn_max = 12;
  // Flows whose operations are cancelled at once, so that what a thousand of them complete with fits into the
  // queue: seven completions each.
  static constexpr int retired_per_pump_max = 256;
  // Each socket's stall guard looks once in so many ticks, as in epoll_engine.
  static constexpr std::size_t ticks_per_guard_round = 10;

  // Errors: what the kernel says to such a ring (EPERM, ENOSYS, EINVAL, EOPNOTSUPP, ENOMEM).
  static result<std::unique_ptr<engine>> make(int guest_fd, const relay_options& options,
                                              metrics::relay_counters& counters);
  uring_engine(net::unique_fd room_set, std::unique_ptr<uring_ring> ring, const relay_options& options,
               metrics::relay_counters& counters);
  // By the worker's thread, or after that has ended.
  ~uring_engine() override;
  uring_engine(const uring_engine&) = delete;
  uring_engine& operator=(const uring_engine&) = delete;

  [[nodiscard]] flow* start(const flow_start& start) override;
  void stop(flow& target) override;
  [[nodiscard]] result<void> wait(socket_wait& who, int fd, readiness what) override;
  void forget(socket_wait& who) override;
  turn_report turn(bool may_wait) override;
  void tick(time_point now) override;
  [[nodiscard]] std::string_view name() const noexcept override { return "io_uring"; }

  // User memory held for bytes that a destination does not take; for tests and diagnosis. O(flows).
  [[nodiscard]] std::size_t stuck_bytes_held() const noexcept;
  [[nodiscard]] std::size_t stalled_flows() const noexcept;  // likewise
  [[nodiscard]] std::size_t flow_count() const noexcept { return flow_count_; }
  // Buffers that are not the kernel's; none while nothing is on its way.
  [[nodiscard]] std::size_t buffers_in_use() const noexcept {
    return ring_->buffers().count() - ring_->buffers().lent();
  }

 private:
  template <uring_flow::hook uring_flow::*Hook>
  using flow_list =
      boost::intrusive::list<uring_flow, boost::intrusive::member_hook<uring_flow, uring_flow::hook, Hook>,
                             boost::intrusive::constant_time_size<false>>;

  void take_completions(uring_turn& turn, bool may_wait);
  void take_portion(uring_turn& turn);
  void on_wait(uring_wait& wait, uring_turn& turn);
  void cancel_unwanted();
  void pump_ready(uring_turn& turn);
  void pump(uring_flow& next, uring_turn& turn);
  void feed();
  void deliver_ends();
  void retire(uring_flow& ended);
  void make_ready(uring_flow& chosen) noexcept;
  void guard_stalls();
  // Something but waiting is to be done.
  [[nodiscard]] bool has_work() const noexcept;

  room_watch room_;  // before the ring, which polls it
  std::unique_ptr<uring_ring> ring_;
  pipe_pool pipes_;
  const relay_options options_;
  metrics::relay_counters& counters_;
  std::uint64_t turn_number_ = 0;

  flow_list<&uring_flow::in_all> all_;
  flow_list<&uring_flow::in_queue> ready_;
  flow_list<&uring_flow::in_queue> next_turn_;  // have used up their allowance
  flow_list<&uring_flow::in_queue> hungry_;     // found no buffer to receive into
  flow_list<&uring_flow::in_queue> ended_;      // and out of the kernel's hands
  half_closed_flows<uring_flow> half_closed_;
  socket_waits waiting_;
  uring_waits asked_;     // the kernel has them
  uring_waits unwanted_;  // and is to give them back
  std::size_t flow_count_ = 0;
  int retired_in_pump_ = 0;
  bool awaits_sends_ = false;  // somebody has more to do once the sends that were prepared are done
  bool is_in_turn_ = false;
};

}  // namespace pgsteer::relay
