#pragma once
// epoll_engine: the portable relay engine; one epoll set that the worker waits in.
//
// Owns the epoll set and one buffer for all flows; not the sockets. Worker's thread.
//
// A turn: take the ready events, pump each flow that has one or still has work, deliver on_end() of those
// that ended. It does not wait if a flow has used up its budget in the turn before. Each socket of a flow
// is registered once, for everything, edge-triggered; while a login waits for it, for that alone and one
// shot. What a round trip costs: recv and send each way, and one epoll_wait for each wake-up, whatever the
// number of flows.
#include <sys/epoll.h>

#include <array>
#include <memory>
#include <vector>

#include "pgsteer/net/unique_fd.hpp"
#include "relay/epoll_flow.hpp"
#include "relay/flow_engine.hpp"

namespace pgsteer::relay {

class epoll_engine final : public flow_engine {
 public:
  // Events taken in one turn; what is left stays in the set for the next. 256 are 3 KiB and outweigh the
  // cost of the wake-up many times over.
  static constexpr std::size_t events_per_turn_max = 256;

  // Errors: of epoll_create1 and epoll_ctl.
  static result<std::unique_ptr<engine>> make(int extra_fd, const relay_options& options,
                                              metrics::relay_counters& counters);
  epoll_engine(net::unique_fd set, const relay_options& options, metrics::relay_counters& counters);
  ~epoll_engine() override;

  [[nodiscard]] flow* start(const flow_start& start) override;
  [[nodiscard]] result<void> wait(socket_wait& who, int fd, readiness what) override;
  void forget(socket_wait& who) override;
  turn_report turn(bool may_wait) override;
  void retune(const relay_options& options) override;
  [[nodiscard]] std::string_view name() const noexcept override { return "epoll"; }

 private:
  [[nodiscard]] bool has_work() const noexcept { return !ready_.empty() || !ended_.empty(); }
  void take_events(bool may_wait, turn_report& report);
  void pump_ready(epoll_turn& turn);
  void pump(epoll_flow& next, epoll_turn& turn);
  void retire(epoll_flow& ended) noexcept;
  // Returns an errno or 0.
  int watch(int fd, epoll_edges& told, socket_wait* before) noexcept;

  net::unique_fd set_;
  std::vector<std::uint8_t> buffer_;
  std::array<epoll_event, events_per_turn_max> events_;
};

}  // namespace pgsteer::relay
