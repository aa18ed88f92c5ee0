// An io_context that another loop waits for: nothing that is posted may be left lying.
#include "pgsteer/net/context_poll.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <thread>
#include <vector>

#include "pgsteer/base/clock.hpp"
#include "support/denied_calls.hpp"

namespace pgsteer::net {
namespace {

namespace asio = boost::asio;

class ContextPoll : public ::testing::Test {
 protected:
  // False: fd() was not readable within a minute, or now.
  bool wait(milliseconds at_most = seconds{60}) {
    pollfd waited{polled_->fd(), POLLIN, 0};
    return ::poll(&waited, 1, static_cast<int>(at_most.count())) == 1;
  }
  bool is_readable() { return wait(milliseconds{0}); }
  void run_ready() {
    while (polled_->run_ready()) {
    }
  }
  // As a loop does: waits, and runs what is ready, until claim() holds.
  bool run_until(const std::function<bool()>& claim) {
    run_ready();
    while (!claim()) {
      if (!wait()) return false;
      run_ready();
    }
    return true;
  }

  asio::io_context context_{1};
  std::unique_ptr<context_poll> polled_ = std::move(context_poll::make(context_).value());
};

TEST_F(ContextPoll, IsQuietWhileThereIsNothingToDo) {
  run_ready();
  EXPECT_FALSE(is_readable());
  EXPECT_FALSE(polled_->run_ready());
}

TEST_F(ContextPoll, RunsWhatAnotherThreadHasPostedBeforeItsWake) {
  run_ready();
  bool has_run = false;
  std::thread other([&] {
    asio::post(context_, [&] { has_run = true; });
    polled_->wake();
  });
  EXPECT_TRUE(run_until([&] { return has_run; }));
  other.join();
  run_ready();
  EXPECT_FALSE(is_readable());
}

TEST_F(ContextPoll, LeavesNoHandlerLyingWhoeverWakesWhen) {
  constexpr std::size_t threads = 3;
  constexpr std::size_t posts = 2'000;
  std::size_t runs = 0;
  std::vector<std::thread> others;
  for (std::size_t i = 0; i < threads; ++i) {
    others.emplace_back([&] {
      for (std::size_t n = 0; n < posts; ++n) {
        asio::post(context_, [&] { ++runs; });
        polled_->wake();
      }
    });
  }
  EXPECT_TRUE(run_until([&] { return runs == threads * posts; }));
  for (std::thread& other : others) other.join();
}

// Each answer is awaited before the next question, so one lost wake would hold everything up.
TEST_F(ContextPoll, WakesForEachOfManyPosts) {
  constexpr int rounds = 2'000;
  std::atomic<int> runs = 0;
  std::thread other([&] {
    for (int round = 1; round <= rounds; ++round) {
      asio::post(context_, [&] { ++runs; });
      polled_->wake();
      while (runs.load() < round) std::this_thread::yield();
    }
  });
  const bool has_run_all = run_until([&] { return runs.load() == rounds; });
  EXPECT_TRUE(has_run_all);
  if (!has_run_all) runs = rounds;  // lets the thread end
  other.join();
}

TEST_F(ContextPoll, ManyWakesAreOne) {
  run_ready();
  for (int i = 0; i < 10'000; ++i) polled_->wake();
  EXPECT_TRUE(is_readable());
  run_ready();
  EXPECT_FALSE(is_readable());
  polled_->wake();
  EXPECT_TRUE(is_readable()) << "the next one counts again";
}

// As when the process has used up its descriptors: timers that never fire would be worse than no worker.
TEST(ContextPollMake, RefusesAContextWithoutATimer) {
  std::thread denied([] {
    ASSERT_TRUE(test::deny_system_calls({__NR_timerfd_create}));
    asio::io_context context;
    const auto made = context_poll::make(context);
    ASSERT_FALSE(made.has_value());
    EXPECT_EQ(made.error(), boost::system::errc::too_many_files_open);
  });
  denied.join();
}

TEST_F(ContextPoll, RunsAtMostSoManyHandlersInOneGo) {
  constexpr int posted = 2 * context_poll::handlers_max + 5;
  run_ready();
  int runs = 0;
  for (int i = 0; i < posted; ++i) asio::post(context_, [&] { ++runs; });
  EXPECT_TRUE(polled_->run_ready());
  EXPECT_EQ(runs, context_poll::handlers_max);
  EXPECT_TRUE(polled_->run_ready());
  EXPECT_EQ(runs, 2 * context_poll::handlers_max);
  EXPECT_FALSE(polled_->run_ready());
  EXPECT_EQ(runs, posted);
}

TEST_F(ContextPoll, ComesBackFromHandlersThatPostThemselvesAgain) {
  run_ready();
  int runs = 0;
  std::function<void()> again = [&] {
    ++runs;
    asio::post(context_, again);
  };
  asio::post(context_, again);
  for (int goes = 1; goes <= 3; ++goes) {
    EXPECT_TRUE(polled_->run_ready());
    EXPECT_EQ(runs, goes * context_poll::handlers_max);
  }
}

TEST_F(ContextPoll, IsReadableOnceATimerIsDue) {
  run_ready();
  bool is_due = false;
  asio::steady_timer timer(context_, milliseconds{1});
  timer.async_wait([&](const error_code& ec) { is_due = !ec; });
  EXPECT_TRUE(run_until([&] { return is_due; }));
}

TEST_F(ContextPoll, IsReadableOnceASocketIs) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  asio::posix::stream_descriptor out(context_, ends[0]);
  asio::posix::stream_descriptor in(context_, ends[1]);
  run_ready();
  bool is_there = false;
  out.async_wait(asio::posix::stream_descriptor::wait_read, [&](const error_code& ec) { is_there = !ec; });
  run_ready();
  EXPECT_FALSE(is_there);
  EXPECT_FALSE(is_readable());
  ASSERT_EQ(::write(in.native_handle(), "x", 1), 1);
  EXPECT_TRUE(run_until([&] { return is_there; }));
}

}  // namespace
}  // namespace pgsteer::net
