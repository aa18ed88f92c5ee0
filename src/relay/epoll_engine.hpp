#pragma once
// epoll_engine: the portable relay engine; one epoll set that the worker waits in.
//
// Owns the epoll set, the flows and one buffer for all of them; not the sockets. Worker's thread.
//
// A turn: take the ready events, pump each flow that has one or still has work, deliver on_end() of those
// that ended. It does not wait if a flow has used up its budget in the turn before. Each socket of a flow
// is registered once, for everything, edge-triggered; while a login waits for it, for that alone and one
// shot. What a round trip costs: recv and send each way, and one epoll_wait for each wake-up, whatever the
// number of flows.
#include <sys/epoll.h>

#include <array>
#include <boost/intrusive/list.hpp>
#include <memory>
#include <vector>

#include "pgsteer/net/unique_fd.hpp"
#include "pgsteer/relay/engine.hpp"
#include "relay/epoll_flow.hpp"
#include "relay/half_closed_flows.hpp"

namespace pgsteer::relay {

class epoll_engine final : public engine {
 public:
  // Events taken in one turn; what is left stays in the set for the next. 256 are 3 KiB and outweigh the
  // cost of the wake-up many times over.
  static constexpr std::size_t events_per_turn_max = 256;
  // Each socket's stall guard looks once in so many ticks, so every 10 s; the default user time-out is 60 s.
  static constexpr std::size_t ticks_per_guard_round = 10;

  // Errors: of epoll_create1 and epoll_ctl.
  static result<std::unique_ptr<engine>> make(int guest_fd, const relay_options& options,
                                              metrics::relay_counters& counters);
  epoll_engine(net::unique_fd set, const relay_options& options, metrics::relay_counters& counters);
  ~epoll_engine() override;
  epoll_engine(const epoll_engine&) = delete;
  epoll_engine& operator=(const epoll_engine&) = delete;

  [[nodiscard]] flow* start(const flow_start& start) override;
  void stop(flow& target) override;
  [[nodiscard]] result<void> wait(socket_wait& who, int fd, readiness what) override;
  void forget(socket_wait& who) override;
  turn_report turn(bool may_wait) override;
  void tick(time_point now) override;
  [[nodiscard]] std::string_view name() const noexcept override { return "epoll"; }

  // User memory held for bytes that a destination does not take; for tests and diagnosis. O(flows).
  [[nodiscard]] std::size_t stuck_bytes_held() const noexcept;
  [[nodiscard]] std::size_t stalled_flows() const noexcept;  // likewise
  [[nodiscard]] std::size_t flow_count() const noexcept { return flow_count_; }

 private:
  template <epoll_flow::hook epoll_flow::*Hook>
  using flow_list =
      boost::intrusive::list<epoll_flow, boost::intrusive::member_hook<epoll_flow, epoll_flow::hook, Hook>,
                             boost::intrusive::constant_time_size<false>>;

  [[nodiscard]] bool has_work() const noexcept { return !ready_.empty() || !ended_.empty(); }
  void take_events(bool may_wait, turn_report& report);
  void pump_ready(turn_report& report);
  void deliver_ends();
  void retire(epoll_flow& ended) noexcept;
  void guard_stalls();
  // Returns an errno or 0.
  int watch(flow_socket& socket, socket_wait* before) noexcept;

  net::unique_fd set_;
  const relay_options options_;
  metrics::relay_counters& counters_;
  std::vector<std::uint8_t> buffer_;
  pipe_pool pipes_;
  std::array<epoll_event, events_per_turn_max> events_;

  flow_list<&epoll_flow::in_all> all_;
  flow_list<&epoll_flow::in_queue> ready_;
  flow_list<&epoll_flow::in_queue> ended_;
  half_closed_flows<epoll_flow> half_closed_;
  socket_waits waiting_;
  std::size_t flow_count_ = 0;
  bool is_in_turn_ = false;
};

}  // namespace pgsteer::relay
