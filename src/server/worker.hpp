#pragma once
// worker: one thread with its io_context, relay engine and the sessions that were given to it.
//
// Not a decider: states are posted to it. Member functions may be called from any thread if they do not
// say otherwise.
//
// Flow: start() -> publish() and take() -> finish(): ends when the last session has -> join().
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "pgsteer/relay/loop.hpp"
#include "pgsteer/session/start_session.hpp"
#include "pgsteer/session/worker_context.hpp"

namespace pgsteer::server {

class worker {
 public:
  // Errors of the relay engine's set-up.
  [[nodiscard]] static result<std::unique_ptr<worker>> make(const session::worker_shared& shared,
                                                            const relay::relay_options& options,
                                                            runtime::state_ptr first);
  ~worker();
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;

  void start();
  // on_taken: called on the worker's thread once its sessions and logins go by it.
  void publish(runtime::state_ptr next, std::function<void()> on_taken = {});
  void take(session::listener_state& listener, session::accepted_client client);
  void take(session::listener_state& listener, session::carried_session carried,
            login::picked_backend backend);
  // worker_context::carry_away() on its thread, and then told how many will come.
  void carry_away(std::size_t n, session::worker_context::taker whom, std::function<void(std::size_t)> told);
  // Has question called on its thread; not at all if it ends before.
  void ask(std::function<void(session::worker_context&)> question);
  // Always the same object, which holds what the worker goes by. It is read on its thread.
  [[nodiscard]] const runtime::state_ptr& state() const noexcept { return sessions_->state(); }
  // Has action called on its thread, and returns after that. Not from its thread; between start() and
  // finish().
  void call(const std::function<void()>& action);
  // No more sessions will come; the thread ends after the last one.
  void finish();
  void join();

  // Sessions that it has or that are on their way to it.
  [[nodiscard]] std::size_t session_count() const noexcept;
  // Sessions are on their way to it that no counter knows yet.
  [[nodiscard]] bool is_taking() const noexcept { return handed_over_.load(std::memory_order_acquire) > 0; }
  // All but relay.engine.
  void retune(const relay::relay_options& options);
  // For what is to live on its thread. Used from there alone, but for making it.
  [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }
  [[nodiscard]] const metrics::relay_counters& counters() const noexcept { return counters_; }
  [[nodiscard]] std::string_view engine_name() const noexcept { return loop_->engine().name(); }

 private:
  worker() = default;
  void schedule_tick();

  metrics::relay_counters counters_;
  boost::asio::io_context context_{1};
  std::unique_ptr<relay::loop> loop_;
  std::optional<session::worker_context> sessions_;
  std::optional<boost::asio::steady_timer> tick_;
  std::atomic<std::size_t> handed_over_{0};  // taken, not yet started
  bool is_finishing_ = false;
  time_point finishing_since_{};
  std::thread thread_;
};

// Of all of them.
[[nodiscard]] std::size_t session_count(const std::vector<std::unique_ptr<worker>>& workers) noexcept;

}  // namespace pgsteer::server
