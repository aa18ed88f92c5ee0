#pragma once
// epoll_engine: the portable relay engine; a private epoll set that the worker's io_context watches.
//
// Owns the epoll set, the flows and one buffer for all of them; not the sockets. Worker's thread.
//
// A turn: take the ready events, pump each flow that has one or still has work, deliver on_end() of those
// that ended. The next turn is posted if a flow used up its budget, else it comes with the next event.
// Each socket is registered once, for everything, edge-triggered. What a round trip costs: recv and send
// each way, and for each wake-up the io_context's own epoll_wait, ours, and one epoll_ctl by which Asio
// re-arms its watch on our set.
#include <sys/epoll.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/intrusive/list.hpp>
#include <memory>
#include <vector>

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

  // epoll_fd passes into the engine. Errors: what registering it with the io_context returned.
  static result<std::unique_ptr<engine>> make(boost::asio::io_context& context, const relay_options& options,
                                              metrics::relay_counters& counters);
  epoll_engine(boost::asio::posix::stream_descriptor set, const relay_options& options,
               metrics::relay_counters& counters);
  ~epoll_engine() override;
  epoll_engine(const epoll_engine&) = delete;
  epoll_engine& operator=(const epoll_engine&) = delete;

  [[nodiscard]] flow* start(const flow_start& start) override;
  void stop(flow& target) override;
  void tick(time_point now) override;
  [[nodiscard]] std::string_view name() const noexcept override { return "epoll"; }

  // User memory held for bytes that a destination does not take; for tests and diagnosis. O(flows).
  [[nodiscard]] std::size_t stuck_bytes_held() const noexcept;
  [[nodiscard]] std::size_t flow_count() const noexcept { return flow_count_; }

 private:
  template <epoll_flow::hook epoll_flow::*Hook>
  using flow_list =
      boost::intrusive::list<epoll_flow, boost::intrusive::member_hook<epoll_flow, epoll_flow::hook, Hook>,
                             boost::intrusive::constant_time_size<false>>;

  void arm();
  void post_turn();
  void turn();
  void take_events();
  void pump_ready();
  void deliver_ends();
  void retire(epoll_flow& ended) noexcept;
  void guard_stalls();
  // Returns an errno or 0.
  int watch(flow_socket& socket) noexcept;

  boost::asio::posix::stream_descriptor set_;
  const relay_options options_;
  metrics::relay_counters& counters_;
  std::vector<std::uint8_t> buffer_;
  std::array<epoll_event, events_per_turn_max> events_;

  flow_list<&epoll_flow::in_all> all_;
  flow_list<&epoll_flow::in_queue> ready_;
  flow_list<&epoll_flow::in_queue> ended_;
  half_closed_flows<epoll_flow> half_closed_;
  std::size_t flow_count_ = 0;

  bool is_armed_ = false;
  bool is_posted_ = false;
  bool is_in_turn_ = false;
  // Handlers that outlive the engine find nullptr here.
  std::shared_ptr<epoll_engine*> self_;
};

}  // namespace pgsteer::relay
