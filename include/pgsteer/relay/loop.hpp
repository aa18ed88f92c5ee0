#pragma once
// loop: what a worker's thread does: it waits in its relay engine, or polls for a moment before it waits if
// relay.spin says so, and runs its io_context when that has something to do.
//
// Owns the engine, not the context. Member functions are called from the worker's thread, but for wake().
//
// Flow: make() -> run() on the worker's thread: returns after stop().
#include <boost/asio/io_context.hpp>
#include <memory>

#include "pgsteer/metrics/counters.hpp"
#include "pgsteer/net/context_poll.hpp"
#include "pgsteer/relay/engine.hpp"
#include "pgsteer/relay/options.hpp"
#include "pgsteer/relay/spin_policy.hpp"

namespace pgsteer::relay {

class loop {
 public:
  // Destroy it before the context, and outside its callbacks. Errors: of eventfd(2) and make_engine().
  [[nodiscard]] static result<std::unique_ptr<loop>> make(boost::asio::io_context& context,
                                                          const relay_options& options,
                                                          metrics::relay_counters& counters);

  void run();
  void stop() noexcept { is_stopped_ = true; }
  // What the context has to do, and one turn of the engine, which waits before if it may and there is nothing
  // to do. False: there was nothing.
  bool step(bool may_wait);
  // Any thread: what it has posted to the context before is run soon.
  void wake() noexcept { context_->wake(); }
  // All but options.engine. From the context.
  void retune(const relay_options& options);

  [[nodiscard]] relay::engine& engine() noexcept { return *engine_; }

 private:
  loop(std::unique_ptr<net::context_poll> context, std::unique_ptr<relay::engine> engine,
       metrics::relay_counters& counters);
  void choose_spin(const relay_options& options);
  void spin_or_wait();
  [[nodiscard]] bool spin(time_point began);

  metrics::relay_counters& counters_;
  bool may_spin_ = false;
  spin_policy policy_;
  std::unique_ptr<net::context_poll> context_;
  std::unique_ptr<relay::engine> engine_;
  bool is_context_busy_ = true;  // it may have handlers that are ready to run
  bool is_stopped_ = false;
};

}  // namespace pgsteer::relay
