#pragma once
// uring_engine: the relay engine over io_uring; one ring, with an eventfd that the worker's io_context reads.
//
// Owns the ring with its buffers, and the flows; not the sockets. Worker's thread, but made on any: the first
// start() makes the ring the calling thread's.
//
// A turn: submit what was prepared and let the kernel do what it had put off, note its completions, pump each
// flow that has one; again while that prepared something; then deliver on_end() of those that ended. The next
// turn is posted if something is left over, else it comes with the next event. What a round trip costs: for
// each wake-up, whatever the number of flows, the io_context's epoll_wait, two io_uring_enter (one receives,
// one sends), and two reads of the eventfd (the second finds it empty).
#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/intrusive/list.hpp>
#include <memory>

#include "pgsteer/relay/engine.hpp"
#include "relay/half_closed_flows.hpp"
#include "relay/uring_flow.hpp"
#include "relay/uring_ring.hpp"

namespace pgsteer::relay {

class uring_engine final : public engine {
 public:
  // Submissions in one turn, so that the worker's other handlers get theirs. Recent kernels receive for 20
  // sockets in each (IO_LOCAL_TW_DEFAULT_MAX), so this is about what epoll_engine takes in one turn.
  static constexpr int rounds_per_turn_max = 16;
  // Each socket's stall guard looks once in so many ticks, as in epoll_engine.
  static constexpr std::size_t ticks_per_guard_round = 10;

  // Errors: what the kernel says to such a ring (EPERM, ENOSYS, EINVAL, EOPNOTSUPP, ENOMEM), or what
  // registering it with the io_context returned.
  static result<std::unique_ptr<engine>> make(boost::asio::io_context& context, const relay_options& options,
                                              metrics::relay_counters& counters);
  uring_engine(boost::asio::posix::stream_descriptor events, std::unique_ptr<uring_ring> ring,
               const relay_options& options, metrics::relay_counters& counters);
  // By the worker's thread, or after that has ended.
  ~uring_engine() override;
  uring_engine(const uring_engine&) = delete;
  uring_engine& operator=(const uring_engine&) = delete;

  [[nodiscard]] flow* start(const flow_start& start) override;
  void stop(flow& target) override;
  void tick(time_point now) override;
  [[nodiscard]] std::string_view name() const noexcept override { return "io_uring"; }

  // User memory held for bytes that a destination does not take; for tests and diagnosis. O(flows).
  [[nodiscard]] std::size_t stuck_bytes_held() const noexcept;
  [[nodiscard]] std::size_t flow_count() const noexcept { return flow_count_; }
  // Buffers that the kernel may receive into; all of them while nothing is on its way.
  [[nodiscard]] std::size_t buffers_lent() const noexcept { return ring_->buffers().lent(); }

 private:
  template <uring_flow::hook uring_flow::*Hook>
  using flow_list =
      boost::intrusive::list<uring_flow, boost::intrusive::member_hook<uring_flow, uring_flow::hook, Hook>,
                             boost::intrusive::constant_time_size<false>>;

  void arm();
  void post_turn();
  void turn();
  void take_completions(uring_turn& turn);
  void pump_ready(uring_turn& turn);
  void pump(uring_flow& next, uring_turn& turn);
  void feed();
  void deliver_ends();
  void retire(uring_flow& ended);
  void make_ready(uring_flow& chosen) noexcept;
  void guard_stalls();
  [[nodiscard]] bool has_work() const noexcept;

  boost::asio::posix::stream_descriptor events_;
  std::uint64_t event_count_ = 0;
  std::unique_ptr<uring_ring> ring_;
  const relay_options options_;
  metrics::relay_counters& counters_;
  std::uint64_t turn_number_ = 0;

  flow_list<&uring_flow::in_all> all_;
  flow_list<&uring_flow::in_queue> ready_;
  flow_list<&uring_flow::in_queue> next_turn_;  // have used up their allowance
  flow_list<&uring_flow::in_queue> hungry_;     // found no buffer to receive into
  flow_list<&uring_flow::in_queue> ended_;      // and out of the kernel's hands
  half_closed_flows<uring_flow> half_closed_;
  std::size_t flow_count_ = 0;

  bool is_armed_ = false;
  bool is_posted_ = false;
  bool is_in_turn_ = false;
  // Handlers that outlive the engine find nullptr here.
  std::shared_ptr<uring_engine*> self_;
};

}  // namespace pgsteer::relay
