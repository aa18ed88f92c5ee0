// wait_point, watchdog, moving_deadline and spawn: the ways to wait.
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <optional>

#include "pgsteer/net/moving_deadline.hpp"
#include "pgsteer/net/spawn.hpp"
#include "pgsteer/net/wait_point.hpp"
#include "pgsteer/net/watchdog.hpp"

namespace pgsteer::net {
namespace {

boost::asio::awaitable<void> wait_until(wait_point& point, time_point deadline, int& woken, int& late) {
  const bool is_woken = co_await point.wait_until(deadline);
  ++(is_woken ? woken : late);
}

TEST(WaitPoint, DoesNotLoseAWakeThatComesFirst) {
  boost::asio::io_context context;
  wait_point point(context);
  int woken = 0;
  int late = 0;
  point.wake();
  spawn(context, wait_until(point, time_point::max(), woken, late), "test");
  context.poll();
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(late, 0);
}

TEST(WaitPoint, SaysThatTheDeadlinePassed) {
  boost::asio::io_context context;
  wait_point point(context);
  int woken = 0;
  int late = 0;
  spawn(context, wait_until(point, clock::now() - seconds{1}, woken, late), "test");
  spawn(context, wait_until(point, clock::now() + milliseconds{1}, woken, late), "test");
  context.run();
  EXPECT_EQ(woken, 0);
  EXPECT_EQ(late, 2);
}

TEST(Watchdog, ActsOnceAtItsLastDeadline) {
  boost::asio::io_context context;
  watchdog dog(context);
  int first = 0;
  int second = 0;
  dog.arm(clock::now() - seconds{1}, [&] { ++first; });
  dog.arm(clock::now() - seconds{1}, [&] { ++second; });
  context.run();
  EXPECT_EQ(first, 0) << "a replaced deadline must not act, even if it had expired already";
  EXPECT_EQ(second, 1);
}

TEST(Watchdog, IsSilentOnceDisarmedOrDestroyed) {
  boost::asio::io_context context;
  int acted = 0;
  watchdog disarmed(context);
  disarmed.arm(clock::now() - seconds{1}, [&] { ++acted; });
  disarmed.disarm();
  {
    watchdog destroyed(context);
    destroyed.arm(clock::now() - seconds{1}, [&] { ++acted; });
  }
  context.run();
  EXPECT_EQ(acted, 0);
}

TEST(MovingDeadline, ActsOnceWhenTheLastOneHasPassed) {
  boost::asio::io_context context;
  int acted = 0;
  moving_deadline deadline(context, [&] { ++acted; });
  const time_point last = clock::now() + milliseconds{3};
  deadline.set(clock::now() - seconds{1});
  deadline.set(last);  // moves back: the timer is left as it is
  context.run();
  EXPECT_EQ(acted, 1);
  EXPECT_GE(clock::now(), last);
  deadline.set(clock::now() + std::chrono::hours{1});
  deadline.set(clock::now() - seconds{1});  // moves forward
  context.restart();
  context.run();
  EXPECT_EQ(acted, 2);
}

TEST(MovingDeadline, IsSilentWithoutOneAndOnceItIsGone) {
  boost::asio::io_context context;
  int acted = 0;
  moving_deadline none(context, [&] { ++acted; });
  none.set(clock::now() - seconds{1});
  none.set(time_point::max());
  {
    moving_deadline gone(context, [&] { ++acted; });
    gone.set(clock::now() - seconds{1});
  }
  context.poll();
  EXPECT_EQ(acted, 0);
}

TEST(MovingDeadline, MayEndInItsAction) {
  boost::asio::io_context context;
  std::optional<moving_deadline> deadline;
  int acted = 0;
  deadline.emplace(context, [&] {
    deadline.reset();
    ++acted;
  });
  deadline->set(clock::now());
  context.run();
  EXPECT_EQ(acted, 1);
}

boost::asio::awaitable<void> throws() {
  throw std::runtime_error("as a defect would");
  co_return;
}

TEST(Spawn, SurvivesAnEscapedException) {
  boost::asio::io_context context;
  spawn(context, throws(), "test");
  EXPECT_NO_THROW(context.run());
}

}  // namespace
}  // namespace pgsteer::net
