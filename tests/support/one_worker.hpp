#pragma once
// one_worker: what a worker's sessions run in, on a thread of its own and with one listener, but without a
// control thread: what they go by is what the test publishes.
//
// Owns the thread. Public functions are the test's thread's.
//
// Flow: publish() what is known -> connect() clients -> the destructor drains and waits for the last session.
#include <boost/asio/post.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>

#include "pgsteer/relay/loop.hpp"
#include "pgsteer/session/start_session.hpp"
#include "support/fake_client.hpp"
#include "support/fake_postgres.hpp"
#include "support/shared_parts.hpp"

namespace pgsteer::test {

class one_worker {
 public:
  // Something between the sessions and their engine; lives as long as this.
  using engine_wrap = std::function<relay::engine&(relay::engine& real)>;

  explicit one_worker(routing::target_session_attrs route, const engine_wrap& wrap = {});
  ~one_worker();
  one_worker(const one_worker&) = delete;
  one_worker& operator=(const one_worker&) = delete;

  // The state with this change, to which the worker's sessions have been told when this returns.
  void publish(const std::function<void(runtime::state&)>& change);
  void publish_options(const std::function<void(runtime::options&)>& change);
  void publish_route(routing::target_session_attrs route);
  // This backend is known, with that status; generation and eligibility are set to fit.
  void publish_backend(const fake_postgres& backend, topology::backend_status status);
  void drain();

  // A client whose session has begun, with these bytes there already.
  [[nodiscard]] fake_client connect(std::string_view bytes = {},
                                    std::optional<int> receive_buffer_bytes = std::nullopt);

  [[nodiscard]] std::size_t session_count() const noexcept { return worker_->session_count(); }
  [[nodiscard]] const metrics::listener_counters& counters() const noexcept { return listener_.counters; }
  [[nodiscard]] const metrics::relay_counters& relay_counters() const noexcept { return relay_counters_; }
  [[nodiscard]] const metrics::backend_counters& backend_counters() const noexcept { return use_->counters; }
  [[nodiscard]] const login::permit_pools& permits() const noexcept { return parts_.permits; }

 private:
  void on_worker(const std::function<void()>& action);

  shared_parts parts_;
  session::listener_state listener_{0, "rw"};
  runtime::backend_use_ptr use_ = std::make_shared<runtime::backend_use>();
  endpoint address_;
  net::unique_fd listening_;
  boost::asio::io_context context_{1};
  metrics::relay_counters relay_counters_;
  std::unique_ptr<relay::loop> loop_;
  std::optional<session::worker_context> worker_;
  std::thread thread_;
};

[[nodiscard]] topology::backend_status proven_primary();
[[nodiscard]] topology::backend_status proven_standby();

}  // namespace pgsteer::test
