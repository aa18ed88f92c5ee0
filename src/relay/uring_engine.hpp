#pragma once
// uring_engine: the relay engine over io_uring; one ring, in which the worker waits.
//
// Owns the ring with its buffers; not the sockets. Worker's thread, but made on any: the first
// turn() makes the ring the calling thread's.
//
// A turn: submit what was prepared, wait if it may and let the kernel do what it had put off; note its
// completions, pump each flow that has one, deliver on_end() of those that ended. What that prepares goes
// with the next turn. What a wake-up costs: one io_uring_enter for each 20 flows or so that have
// something.
#include <boost/intrusive/list.hpp>
#include <memory>

#include "relay/flow_engine.hpp"
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

class uring_engine final : public flow_engine {
 public:
  // Recent kernels do 20 things in each (IO_LOCAL_TW_DEFAULT_MAX, io_uring.c), so this is about what
  // epoll_engine takes in one turn.
  static constexpr int portions_per_turn_max = 12;
  // Flows whose operations are cancelled at once, so that what a thousand of them complete with fits into the
  // queue: seven completions each.
  static constexpr int retired_per_pump_max = 256;

  // Errors: what the kernel says to such a ring (EPERM, ENOSYS, EINVAL, EOPNOTSUPP, ENOMEM).
  static result<std::unique_ptr<engine>> make(int extra_fd, const relay_options& options,
                                              metrics::relay_counters& counters);
  uring_engine(net::unique_fd room_set, std::unique_ptr<uring_ring> ring, const relay_options& options,
               metrics::relay_counters& counters);
  // By the worker's thread, or after that has ended.
  ~uring_engine() override;

  [[nodiscard]] flow* start(const flow_start& start) override;
  void stop(flow& target) override;
  [[nodiscard]] result<void> wait(socket_wait& who, int fd, readiness what) override;
  void forget(socket_wait& who) override;
  turn_report turn(bool may_wait) override;
  [[nodiscard]] std::string_view name() const noexcept override { return "io_uring"; }

  // Buffers that are not the kernel's; none while nothing is on its way.
  [[nodiscard]] std::size_t buffers_in_use() const noexcept {
    return ring_->buffers().count() - ring_->buffers().lent();
  }

 private:
  void take_completions(uring_turn& turn, bool may_wait);
  void take_portion(uring_turn& turn);
  void on_wait(uring_wait& wait, uring_turn& turn);
  void cancel_unwanted();
  void pump_ready(uring_turn& turn);
  void pump(uring_flow& next, uring_turn& turn);
  void hand_out_buffers();
  void retire(uring_flow& ended, uring_turn& turn);
  // Something but waiting is to be done.
  [[nodiscard]] bool has_work() const noexcept;

  room_watch room_;  // before the ring, which polls it
  std::unique_ptr<uring_ring> ring_;
  std::uint64_t turn_number_ = 0;

  flow_queue next_turn_;         // have used up their allowance
  flow_queue awaiting_buffers_;  // found no buffer to receive into
  uring_waits asked_;            // the kernel has them
  uring_waits unwanted_;         // and is to give them back
  int retired_in_pump_ = 0;
  bool awaits_sends_ = false;  // somebody has more to do once the sends that were prepared are done
};

}  // namespace pgsteer::relay
