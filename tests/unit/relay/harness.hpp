#pragma once
// One engine in its loop, and flows whose clients and backends the test plays itself.
//
// Whatever holds for the interface holds for each engine: such a suite is an on_each_engine and is
// instantiated with each_engine(). An engine that this kernel denies skips its tests.
//
// Nothing sleeps: run_until() goes on until a claim holds, and gives up after a bound that only a broken
// engine reaches.
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "pgsteer/relay/loop.hpp"
#include "relay/epoll_engine.hpp"
#include "relay/uring_engine.hpp"
#include "unit/relay/socket_pair.hpp"

namespace pgsteer::relay::testing {

// Remembers what the engine told it; on_verdict and then may be replaced.
class recording_owner final : public flow_owner {
 public:
  std::string shown;
  std::size_t views = 0;
  std::optional<flow_summary> summary;
  std::size_t ends = 0;
  std::optional<carried_flow> given_back;
  std::function<watch_verdict(std::string_view)> on_verdict = [](std::string_view) {
    return watch_verdict::watching;
  };
  std::function<void()> close_sockets = [] {};
  std::function<void()> then = [] {};

  watch_verdict on_backend_bytes(byte_span bytes) override {
    shown += as_text(bytes);
    ++views;
    return on_verdict(as_text(bytes));
  }
  void on_detach(carried_flow&& flow) override { given_back = std::move(flow); }
  void on_end(const flow_summary& ended) override {
    summary = ended;
    ++ends;
    close_sockets();
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
    owner.close_sockets = [this] {
      client.ours.reset();
      backend.ours.reset();
    };
    return made;
  }
  [[nodiscard]] bool has_ended() const { return owner.summary.has_value(); }
  [[nodiscard]] flow_end end() const { return owner.summary.value().end; }
};

// An engine, and what only tests ask of one.
class tested_engine {
 public:
  tested_engine(boost::asio::io_context& context, const relay_options& options,
                metrics::relay_counters& counters);

  [[nodiscard]] flow* start(const flow_start& start) { return loop_->engine().start(start); }
  void stop(flow& target) { loop_->engine().stop(target); }
  [[nodiscard]] bool detach(flow& target) { return loop_->engine().detach(target); }
  void stop_when_idle(flow& target, duration quiet = seconds{1}) {
    loop_->engine().stop_when_idle(target, quiet);
  }
  [[nodiscard]] flow_view look(const flow& target) const { return loop_->engine().look(target); }
  [[nodiscard]] bool stay(flow& target) { return loop_->engine().stay(target); }
  [[nodiscard]] std::optional<duration> leave_quiet(time_point now) {
    return loop_->engine().leave_quiet(now);
  }
  [[nodiscard]] result<void> wait(socket_wait& who, int fd, readiness what) {
    return loop_->engine().wait(who, fd, what);
  }
  void forget(socket_wait& who) { loop_->engine().forget(who); }
  void tick(time_point now) { loop_->engine().tick(now); }
  void retune(const relay_options& options) { loop_->retune(options); }
  [[nodiscard]] std::string_view name() const { return loop_->engine().name(); }
  // False: there was nothing to do.
  bool step() { return loop_->step(false); }

  [[nodiscard]] std::size_t stuck_bytes_held() const { return flows_->stuck_bytes_held(); }
  [[nodiscard]] std::size_t stalled_flows() const { return flows_->stalled_flows(); }
  // The most that one direction may hold.
  [[nodiscard]] std::size_t stuck_bytes_max() const { return stuck_bytes_max_; }
  [[nodiscard]] std::size_t flow_count() const { return flows_->flow_count(); }

 private:
  std::unique_ptr<loop> loop_;
  const flow_engine* flows_ = nullptr;
  std::size_t stuck_bytes_max_;
};

class harness {
 public:
  explicit harness(engine_choice choice, relay_options options = {}) {
    std::signal(SIGPIPE, SIG_IGN);  // as main() does: splice raises it
    options.engine = choice;
    owned_ = std::make_unique<tested_engine>(context, options, counters);
  }

  boost::asio::io_context context{1};
  metrics::relay_counters counters;

  [[nodiscard]] tested_engine& engine() { return *owned_; }
  void destroy_engine() { owned_.reset(); }

  void start(test_flow& flow) { flow.handle = engine().start(flow.start()); }
  // Does what is to be done now.
  void run_ready() {
    EXPECT_TRUE(run_until([this] { return !engine().step(); })) << "it never comes to rest";
  }
  // Runs handlers until claim() holds. False: it did not within patience.
  [[nodiscard]] bool run_until(const std::function<bool()>& claim);
  // Sends the bytes, in turn, until the way is so full that some are stuck in the relay: with TCP, a socket
  // that takes nothing for a moment need not be full. Returns how many were sent.
  [[nodiscard]] std::size_t fill(const net::unique_fd& from, std::string_view bytes);
  // Reads from the socket until the bytes read so far equal expected in length.
  [[nodiscard]] std::string receive(const net::unique_fd& from, std::size_t bytes);

 private:
  std::unique_ptr<tested_engine> owned_;
};

[[nodiscard]] bool is_available(engine_choice choice);

class on_each_engine : public ::testing::TestWithParam<engine_choice> {
 protected:
  void SetUp() override {
    if (!is_available(GetParam())) GTEST_SKIP() << "this kernel denies the engine";
  }
};

inline auto each_engine() {
  return ::testing::Values(engine_choice::epoll, engine_choice::io_uring);
}
[[nodiscard]] inline std::string name_of(engine_choice choice) {
  return choice == engine_choice::io_uring ? "IoUring" : "Epoll";
}
inline const auto engine_name = [](const auto& now) { return name_of(now.param); };

// A suite that also runs on each kind of socket.
class on_each_engine_and_socket : public ::testing::TestWithParam<std::tuple<engine_choice, socket_kind>> {
 protected:
  [[nodiscard]] static engine_choice choice() { return std::get<0>(GetParam()); }
  [[nodiscard]] static socket_kind kind() { return std::get<1>(GetParam()); }
  void SetUp() override {
    if (!is_available(choice())) GTEST_SKIP() << "this kernel denies the engine";
  }
};

inline auto each_engine_and_socket() {
  return ::testing::Combine(each_engine(), ::testing::Values(socket_kind::unix_stream, socket_kind::tcp));
}
inline const auto engine_and_socket_name = [](const auto& now) {
  return name_of(std::get<0>(now.param)) + (std::get<1>(now.param) == socket_kind::tcp ? "Tcp" : "Unix");
};

// length bytes that no offset of repeats soon; the same for the same seed.
[[nodiscard]] std::string random_bytes(std::uint64_t seed, std::size_t length);

}  // namespace pgsteer::relay::testing
