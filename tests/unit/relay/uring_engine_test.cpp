// What only the io_uring engine has: shared buffers, operations that the kernel holds, a ring of one thread.
#include "relay/uring_engine.hpp"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include <thread>

#include "support/denied_calls.hpp"
#include "support/eventually.hpp"
#include "unit/relay/harness.hpp"

namespace pgsteer::relay::testing {
namespace {

// Never readable.
net::unique_fd make_extra_fd() {
  return net::unique_fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

class UringEngine : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!is_available(engine_choice::io_uring)) GTEST_SKIP() << "this kernel denies io_uring";
  }

  [[nodiscard]] std::unique_ptr<engine> make(relay_options options = {}) {
    options.engine = engine_choice::io_uring;
    auto made = std::move(make_engine(extra_fd_.value(), options, counters_).value());
    running_ = made.get();
    return made;
  }
  [[nodiscard]] static uring_engine& uring(const std::unique_ptr<engine>& made) {
    return dynamic_cast<uring_engine&>(*made);
  }
  // Has the engine made last take turns until claim() holds; false if it never does.
  template <class Claim>
  [[nodiscard]] bool run_until(Claim claim) {
    const time_point give_up = clock::now() + test::patience;
    while (!claim()) {
      if (clock::now() > give_up) return false;
      if (running_->turn(false).is_idle) std::this_thread::yield();
    }
    return true;
  }

  const net::unique_fd extra_fd_ = make_extra_fd();
  metrics::relay_counters counters_;
  engine* running_ = nullptr;
};

TEST_F(UringEngine, IsWhatIoUringMeansWhereTheKernelAllowsIt) {
  EXPECT_EQ(make()->name(), "io_uring");
}

// A worker's engine is made before its thread starts and destroyed after it has ended.
TEST_F(UringEngine, IsMadeAndDestroyedByOtherThreadsThanTheWorkers) {
  std::unique_ptr<engine> engine = make();
  test_flow flow;
  std::thread worker([&] {
    flow.handle = engine->start(flow.start());
    send_some(flow.client.theirs, "query");
    std::string got;
    EXPECT_TRUE(run_until([&] {
      got += read_available(flow.backend.theirs);
      return got == "query";
    }));
  });
  worker.join();
  engine.reset();  // with a flow whose operations the ended thread had begun
  EXPECT_FALSE(flow.has_ended());
}

TEST_F(UringEngine, GetsEveryBufferBack) {
  const auto engine = make();
  const std::string text = random_bytes(5, 100'000);
  {
    std::vector<std::unique_ptr<test_flow>> flows;
    for (int i = 0; i < 20; ++i) {
      flows.push_back(std::make_unique<test_flow>());
      flows.back()->handle = engine->start(flows.back()->start());
      send_some(flows.back()->backend.theirs, text);
    }
    std::vector<std::string> received(flows.size());
    ASSERT_TRUE(run_until([&] {
      bool is_complete = true;
      for (std::size_t i = 0; i < flows.size(); ++i) {
        received[i] += read_available(flows[i]->client.theirs);
        is_complete = is_complete && received[i].size() == text.size();
      }
      return is_complete;
    }));
    for (const std::string& one : received) EXPECT_TRUE(one == text);
    EXPECT_EQ(uring(engine).buffers_in_use(), 0U);

    // Some end with bytes on the way.
    for (const auto& flow : flows) {
      send_some(flow->backend.theirs, text);
      engine->stop(*flow->handle);
    }
    ASSERT_TRUE(run_until([&] { return uring(engine).flow_count() == 0; }));
  }
  EXPECT_EQ(uring(engine).buffers_in_use(), 0U);
}

// Small buffers and a small allowance make every flow hold its share for many turns.
TEST_F(UringEngine, FlowsWaitForBuffersAndLoseNothing) {
  relay_options options;
  options.buffer_bytes = 64;
  options.reads_per_turn_max = 1;
  const auto engine = make(options);
  constexpr std::size_t flow_count = 200;
  const std::string text = random_bytes(9, 64 * 60);
  std::vector<std::unique_ptr<test_flow>> flows;
  std::vector<std::string> received(flow_count);
  for (std::size_t i = 0; i < flow_count; ++i) {
    flows.push_back(std::make_unique<test_flow>());
    send_some(flows.back()->client.theirs, text);
    flows.back()->handle = engine->start(flows.back()->start());
  }
  std::size_t in_use_max = 0;
  ASSERT_TRUE(run_until([&] {
    in_use_max = std::max(in_use_max, uring(engine).buffers_in_use());
    bool is_complete = true;
    for (std::size_t i = 0; i < flow_count; ++i) {
      received[i] += read_available(flows[i]->backend.theirs);
      is_complete = is_complete && received[i].size() == text.size();
    }
    return is_complete;
  }));
  for (const std::string& one : received) EXPECT_TRUE(one == text);
  // Looked at between turns, and a receive takes up to 33 (MULTISHOT_MAX_RETRY).
  EXPECT_GT(in_use_max, uring_buffers::count_max - 33U) << "the buffers were never used up";
  EXPECT_EQ(uring(engine).buffers_in_use(), 0U);
}

// A flow that stalls gives its share of the common buffers back.
TEST_F(UringEngine, StalledFlowsHoldNoBuffers) {
  const auto engine = make();
  std::vector<std::unique_ptr<test_flow>> flows;
  for (int i = 0; i < 50; ++i) {
    flows.push_back(std::make_unique<test_flow>());
    flows.back()->handle = engine->start(flows.back()->start());
  }
  const std::string block(64 * 1024, 'x');
  std::size_t quiet = 0;
  ASSERT_TRUE(run_until([&] {
    std::size_t sent = 0;
    for (const auto& flow : flows) sent += send_some(flow->backend.theirs, block);
    quiet = sent == 0 ? quiet + 1 : 0;
    return quiet > 50;
  }));
  EXPECT_EQ(uring(engine).buffers_in_use(), 0U);
  EXPECT_LE(uring(engine).stuck_bytes_held(), flows.size() * uring_buffers::bytes_per_direction_max);
}

TEST_F(UringEngine, IsDestroyedWhileTheKernelHoldsEveryKindOfOperation) {
  auto engine = make();
  test_flow idle;
  test_flow stalled;
  idle.handle = engine->start(idle.start());
  stalled.handle = engine->start(stalled.start());
  const std::string block(64 * 1024, 'x');
  std::size_t quiet = 0;
  ASSERT_TRUE(run_until([&] {
    quiet = send_some(stalled.backend.theirs, block) == 0 ? quiet + 1 : 0;
    return quiet > 50;
  }));
  send_some(idle.client.theirs, "not looked at yet");
  engine.reset();
  EXPECT_FALSE(idle.has_ended());
  EXPECT_FALSE(stalled.has_ended());
  // The kernel holds no reference to the sockets any more: closing them reaches their peers.
  idle.client.ours.reset();
  EXPECT_TRUE(has_failed(idle.client.theirs) || is_at_end(idle.client.theirs));
}

// One flow's send is prepared, then the watcher of another stops it before anything was submitted.
TEST_F(UringEngine, StoppingTakesBackASendOfTheSameTurn) {
  const auto engine = make();
  test_flow sender;
  test_flow watched;
  sender.handle = engine->start(sender.start());
  flow_start start = watched.start();
  start.is_watched = true;
  watched.handle = engine->start(start);
  watched.owner.on_verdict = [&](std::string_view) {
    engine->stop(*sender.handle);
    return watch_verdict::done;
  };
  engine->turn(false);
  send_some(sender.client.theirs, "query");
  send_some(watched.backend.theirs, "R");
  ASSERT_TRUE(run_until([&] { return sender.has_ended(); }));
  EXPECT_EQ(read_available(sender.backend.theirs), "");
  EXPECT_EQ(sender.owner.summary->bytes[0], 0U);
  EXPECT_EQ(watched.owner.shown, "R");
}

// A fence ends every session of a worker in one go: more completions than the queue holds. A send beside them
// that is short must not count as whole because the kernel has no room left to say so.
TEST_F(UringEngine, AThousandEndsAtOnceCostANeighbourNoByte) {
  constexpr std::size_t flow_count = 1500;
  rlimit files{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);
  files.rlim_cur = files.rlim_max;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &files), 0);
  if (files.rlim_cur < 4 * flow_count + 100) GTEST_SKIP() << "too few open files are allowed";
  relay_options options;
  options.splice = toggle::off;
  const auto engine = make(options);
  test_flow neighbour;
  neighbour.handle = engine->start(neighbour.start());
  std::vector<std::unique_ptr<test_flow>> flows;
  for (std::size_t i = 0; i < flow_count; ++i) {
    flows.push_back(std::make_unique<test_flow>());
    flows.back()->handle = engine->start(flows.back()->start());
  }
  while (!engine->turn(false).is_idle) {
  }
  const std::string text = random_bytes(11, 8U << 20U);
  std::size_t sent = 0;
  std::string received;
  bool are_stopped = false;
  ASSERT_TRUE(run_until([&] {
    sent += send_some(neighbour.backend.theirs, std::string_view(text).substr(sent, 100'000));
    if (!are_stopped && received.size() > text.size() / 4) {
      are_stopped = true;
      for (const auto& flow : flows) engine->stop(*flow->handle);
    }
    received += read_available(neighbour.client.theirs, 30'000);
    return received.size() == text.size();
  }));
  EXPECT_TRUE(received == text);
  ASSERT_TRUE(run_until([&] { return uring(engine).flow_count() == 1; }));
  EXPECT_EQ(uring(engine).buffers_in_use(), 0U);
}

TEST(MakeEngine, FallsBackToEpollWhereIoUringIsDenied) {
  std::thread denied([] {
    // As container runtimes do.
    ASSERT_TRUE(test::deny_system_calls({__NR_io_uring_setup}));
    const net::unique_fd extra_fd = make_extra_fd();
    metrics::relay_counters counters;
    relay_options options;
    options.engine = engine_choice::io_uring;
    const auto refused = uring_engine::make(extra_fd.value(), options, counters);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error(), boost::system::errc::operation_not_permitted);
    const auto made = make_engine(extra_fd.value(), options, counters);
    ASSERT_TRUE(made.has_value());
    EXPECT_EQ((*made)->name(), "epoll");
  });
  denied.join();
}

TEST(MakeEngine, TakesIoUringForAuto) {
  if (!is_available(engine_choice::io_uring)) GTEST_SKIP() << "this kernel denies io_uring";
  const net::unique_fd extra_fd = make_extra_fd();
  metrics::relay_counters counters;
  EXPECT_EQ(make_engine(extra_fd.value(), {}, counters).value()->name(), "io_uring");
}

}  // namespace
}  // namespace pgsteer::relay::testing
