#pragma once
// One engine on its io_context, and flows whose clients and backends the test plays itself.
//
// Nothing sleeps: run_until() runs handlers until a claim holds, and gives up after a bound that only a
// broken engine reaches.
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "relay/epoll_engine.hpp"
#include "unit/relay/socket_pair.hpp"

namespace pgsteer::relay::testing {

// Remembers what the engine told it; on_verdict and then may be replaced.
class recording_owner final : public flow_owner {
 public:
  std::string shown;
  std::size_t views = 0;
  std::optional<flow_summary> summary;
  std::size_t ends = 0;
  std::function<watch_verdict(std::string_view)> on_verdict = [](std::string_view) {
    return watch_verdict::watching;
  };
  std::function<void()> then = [] {};

  watch_verdict on_backend_bytes(byte_span bytes) override {
    shown += as_text(bytes);
    ++views;
    return on_verdict(as_text(bytes));
  }
  void on_end(const flow_summary& ended) override {
    summary = ended;
    ++ends;
    then();  // may destroy this
  }
};

struct test_flow {
  explicit test_flow(socket_kind kind = socket_kind::unix_stream)
      : client(make_pair_of(kind)), backend(make_pair_of(kind)) {}
  socket_pair client;
  socket_pair backend;
  recording_owner owner;
  flow* handle = nullptr;

  [[nodiscard]] flow_start start() {
    flow_start made;
    made.client_fd = client.ours.value();
    made.backend_fd = backend.ours.value();
    made.owner = &owner;
    return made;
  }
  [[nodiscard]] bool has_ended() const { return owner.summary.has_value(); }
  [[nodiscard]] flow_end end() const { return owner.summary.value().end; }
};

class harness {
 public:
  explicit harness(relay_options options = {}) {
    options.engine = engine_choice::epoll;
    auto made = make_engine(context, options, counters);
    if (!made) std::abort();
    owned_ = std::move(*made);
  }

  boost::asio::io_context context{1};
  metrics::relay_counters counters;

  [[nodiscard]] epoll_engine& engine() { return static_cast<epoll_engine&>(*owned_); }
  void destroy_engine() { owned_.reset(); }

  void start(test_flow& flow) { flow.handle = engine().start(flow.start()); }
  // Runs what is ready now.
  void run_ready() {
    context.restart();
    context.poll();
  }
  // Runs handlers until claim() holds. False: it did not within five seconds.
  [[nodiscard]] bool run_until(const std::function<bool()>& claim);
  // Reads from the socket until the bytes read so far equal expected in length.
  [[nodiscard]] std::string receive(const net::unique_fd& from, std::size_t bytes);

 private:
  std::unique_ptr<relay::engine> owned_;
};

// length bytes that no offset of repeats soon; the same for the same seed.
[[nodiscard]] std::string random_bytes(std::uint64_t seed, std::size_t length);

}  // namespace pgsteer::relay::testing
