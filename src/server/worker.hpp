#pragma once
// worker: one thread with its io_context, relay engine and the sessions that were given to it.
//
// Not a decider: snapshots are posted to it. Every member function may be called from any thread.
//
// Flow: start() -> publish() and take() -> finish(): ends when the last session has -> join().
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "pgsteer/session/start_session.hpp"
#include "pgsteer/session/worker_context.hpp"

namespace pgsteer::server {

class worker {
 public:
  // Errors of the relay engine's set-up.
  [[nodiscard]] static result<std::unique_ptr<worker>> make(const session::worker_shared& shared,
                                                            const relay::relay_options& options);
  ~worker();
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;

  void start();
  // on_taken: called on the worker's thread once its sessions and logins go by the new snapshot.
  void publish(session::published_topology topology, std::function<void()> on_taken = {});
  void take(session::listener_state& listener, session::accepted_client client);
  void close_all(session::close_reason reason);
  // No more sessions will come; the thread ends after the last one.
  void finish();
  void join();

  // Sessions that it has or that are on their way to it.
  [[nodiscard]] std::size_t session_count() const noexcept;
  [[nodiscard]] const metrics::relay_counters& counters() const noexcept { return counters_; }
  [[nodiscard]] std::string_view engine_name() const noexcept { return engine_->name(); }

 private:
  explicit worker(const session::worker_shared& shared) : shared_(shared) {}
  void schedule_tick();

  const session::worker_shared& shared_;
  metrics::relay_counters counters_;
  boost::asio::io_context context_{1};
  std::unique_ptr<relay::engine> engine_;
  std::optional<session::worker_context> sessions_;
  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> work_;
  std::optional<boost::asio::steady_timer> tick_;
  std::atomic<std::size_t> handed_over_{0};  // taken, not yet started
  bool is_finishing_ = false;
  std::thread thread_;
};

}  // namespace pgsteer::server
