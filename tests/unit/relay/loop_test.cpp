// What a worker's thread does: neither its flows nor its context may wait for the other.
#include "pgsteer/relay/loop.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <thread>

#include "unit/relay/harness.hpp"
#include "unit/relay/ready_for_query.hpp"

namespace pgsteer::relay::testing {
namespace {

namespace asio = boost::asio;

class Loop : public on_each_engine {
 protected:
  void SetUp() override {
    on_each_engine::SetUp();
    if (IsSkipped()) return;
    relay_options options;
    options.engine = GetParam();
    loop_ = std::move(loop::make(context_, options, counters_).value());
  }
  void run_ready() {
    while (loop_->step(false)) {
    }
  }
  // stop() after a minute, which only a loop that has lost something reaches.
  void give_up_later() {
    give_up_.expires_after(seconds{60});
    give_up_.async_wait([this](const error_code& ec) {
      if (ec) return;
      ADD_FAILURE() << "the loop has lost something";
      loop_->stop();
    });
  }
  // As a handler that always finds more to do.
  void post_again_and_again() {
    asio::post(context_, [this] {
      ++runs_;
      post_again_and_again();
    });
  }

  asio::io_context context_{1};
  metrics::relay_counters counters_;
  std::unique_ptr<loop> loop_;
  asio::steady_timer give_up_{context_};
  std::size_t runs_ = 0;
};

TEST_P(Loop, StepRunsWhatIsThereAndSaysWhetherThereWasAnything) {
  run_ready();
  EXPECT_FALSE(loop_->step(false));
  bool has_run = false;
  asio::post(context_, [&] { has_run = true; });
  loop_->wake();
  EXPECT_TRUE(loop_->step(true)) << "woken";
  run_ready();
  EXPECT_TRUE(has_run);
  EXPECT_FALSE(loop_->step(false));
}

TEST_P(Loop, StepMovesBytes) {
  test_flow flow;
  flow.handle = loop_->engine().start(flow.start());
  run_ready();
  send_some(flow.client.theirs, "query");
  EXPECT_TRUE(loop_->step(true)) << "there are bytes to wait for";
  run_ready();
  EXPECT_EQ(read_available(flow.backend.theirs), "query");
}

TEST_P(Loop, RunReturnsAfterStop) {
  asio::post(context_, [this] { loop_->stop(); });
  loop_->run();
  loop_->run();  // at once
}

TEST_P(Loop, RunReturnsAfterAStopFromAFlowsEnd) {
  give_up_later();
  test_flow flow;
  flow.owner.then = [this] { loop_->stop(); };
  flow.handle = loop_->engine().start(flow.start());
  flow.client.theirs.reset();
  flow.backend.theirs.reset();
  loop_->run();
  EXPECT_EQ(flow.owner.ends, 1U);
}

// The answer's last bytes are sent and nothing else comes: the loop must not wait for more before it looks.
TEST_P(Loop, AFlowThatIsToStopWhenIdleEndsBehindItsAnswer) {
  give_up_later();
  test_flow flow;
  flow_start start = flow.start();
  start.is_watched = true;
  flow.owner.on_verdict = [](std::string_view) { return watch_verdict::done; };
  flow.owner.then = [this] { loop_->stop(); };
  flow.handle = loop_->engine().start(start);
  send_some(flow.backend.theirs, "R");
  run_ready();
  loop_->engine().stop_when_idle(*flow.handle, seconds{1});
  run_ready();
  send_some(flow.backend.theirs, ready_for_query);
  asio::posix::stream_descriptor backend(context_, ::dup(flow.backend.theirs.value()));
  backend.async_wait(asio::posix::descriptor_base::wait_read, [&](const error_code& ec) {
    EXPECT_FALSE(ec);
    shut_down_writing(flow.backend.theirs);  // as it is told to
  });
  loop_->run();
  context_.poll();  // what woke it was not the end of patience
  EXPECT_EQ(flow.owner.ends, 1U);
  EXPECT_EQ(read_available(flow.client.theirs), "R" + ready_for_query);
}

TEST_P(Loop, TimersFireWhileTheEngineWaits) {
  constexpr int firings = 10;
  run_ready();
  const std::uint64_t turns_before = counters_.turns.value();
  int fired = 0;
  asio::steady_timer timer(context_);
  std::function<void()> arm = [&] {
    timer.expires_after(milliseconds{2});
    timer.async_wait([&](const error_code& ec) {
      if (ec) return;
      if (++fired == firings) return loop_->stop();
      arm();
    });
  };
  asio::post(context_, arm);
  loop_->wake();
  loop_->run();
  EXPECT_EQ(fired, firings);
  // Each firing is a wake-up or two; a loop that never waits takes thousands in these 20 ms.
  EXPECT_LE(counters_.turns.value() - turns_before, 5U * firings);
}

// Each answer is awaited before the next question, so one lost wake would hold everything up.
TEST_P(Loop, AWakeFromAnotherThreadEndsTheWait) {
  constexpr int rounds = 1'000;
  give_up_later();
  std::atomic<int> runs = 0;
  std::atomic<bool> has_returned = false;
  std::thread other([&] {
    for (int round = 1; round <= rounds && !has_returned; ++round) {
      asio::post(context_, [&] {
        if (++runs == rounds) loop_->stop();
      });
      loop_->wake();
      while (runs < round && !has_returned) std::this_thread::yield();
    }
  });
  loop_->run();
  has_returned = true;
  other.join();
  EXPECT_EQ(runs, rounds);
}

// A storm of logins: the context always has something to run.
TEST_P(Loop, ServesAFlowWhileTheContextIsBusy) {
  constexpr std::size_t round_trips = 20;
  test_flow flow;
  flow.handle = loop_->engine().start(flow.start());
  run_ready();
  post_again_and_again();
  loop_->wake();
  std::size_t steps = 0;
  for (std::size_t i = 0; i < round_trips; ++i) {
    send_some(flow.client.theirs, "query");
    for (std::string got; got != "query"; got += read_available(flow.backend.theirs)) {
      ASSERT_LT(++steps, 20 * round_trips) << "the flow has to wait";
      loop_->step(true);
    }
  }
  EXPECT_GE(runs_, net::context_poll::handlers_max * round_trips / 2) << "the context was never busy";
  EXPECT_LE(runs_, net::context_poll::handlers_max * (steps + 1));
}

// And the other way round: a bulk transfer that always has more.
TEST_P(Loop, ServesTheContextWhileAFlowIsBusy) {
  constexpr std::size_t handlers = 20;
  test_flow flow(socket_kind::tcp);
  flow.handle = loop_->engine().start(flow.start());
  run_ready();
  const std::string block(256 * 1024, 'x');
  std::size_t moved = 0;
  std::size_t run = 0;
  std::function<void()> again = [&] {
    ++run;
    if (run < handlers) asio::post(context_, again);
  };
  asio::post(context_, again);
  loop_->wake();
  for (std::size_t steps = 0; run < handlers; ++steps) {
    ASSERT_LT(steps, 20 * handlers) << "the context has to wait";
    send_some(flow.backend.theirs, block);
    moved += read_available(flow.client.theirs).size();
    loop_->step(false);
  }
  EXPECT_GE(moved, block.size() / 8) << "the flow was never busy";
}

INSTANTIATE_TEST_SUITE_P(Engines, Loop, each_engine(), engine_name);

}  // namespace
}  // namespace pgsteer::relay::testing
