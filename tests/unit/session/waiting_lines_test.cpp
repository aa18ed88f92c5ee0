// dial_gate and hold_line: who waits for a dial or for a backend, and in which order they go on.
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <string>
#include <vector>

#include "pgsteer/net/spawn.hpp"
#include "pgsteer/session/worker_context.hpp"

namespace pgsteer::session {
namespace {

struct caller {
  caller(boost::asio::io_context& context, char name_in)
      : wait(context), name(name_in), arrived(seconds{name_in}) {}
  net::wait_point wait;
  char name;
  time_point arrived;  // in the order of the names
};

boost::asio::awaitable<void> enter(dial_gate& gate, caller& who, time_point deadline, std::string& entered) {
  const bool is_in = co_await gate.enter(who.wait, who.arrived, deadline);
  entered += is_in ? who.name : '-';
}

TEST(DialGate, LetsThroughUpToItsLimitAndThenInOrder) {
  boost::asio::io_context context;
  dial_gate gate(2);
  std::string entered;
  caller a(context, 'a'), b(context, 'b'), c(context, 'c'), d(context, 'd');
  for (caller* who : {&a, &b, &c, &d})
    net::spawn(context, enter(gate, *who, time_point::max(), entered), "test");
  context.poll();
  EXPECT_EQ(entered, "ab");
  gate.leave();
  context.poll();
  EXPECT_EQ(entered, "abc");
  gate.leave();
  context.poll();
  EXPECT_EQ(entered, "abcd");
}

TEST(DialGate, GivesNoPlaceAwayWithTheOneWhoLeftTheLine) {
  boost::asio::io_context context;
  dial_gate gate(1);
  std::string entered;
  caller a(context, 'a'), b(context, 'b'), c(context, 'c');
  for (caller* who : {&a, &b, &c}) net::spawn(context, enter(gate, *who, time_point::max(), entered), "test");
  context.poll();
  b.wait.wake();  // woken for another reason: its client left
  context.poll();
  EXPECT_EQ(entered, "a-");
  gate.leave();
  context.poll();
  EXPECT_EQ(entered, "a-c");
}

// A login whose first dial failed comes back to the line, and has waited longer than the others.
TEST(DialGate, LetsEarlierClientsGoFirst) {
  boost::asio::io_context context;
  dial_gate gate(1);
  std::string entered;
  caller a(context, 'a'), b(context, 'b'), c(context, 'c'), d(context, 'd');
  for (caller* who : {&a, &c, &d, &b})
    net::spawn(context, enter(gate, *who, time_point::max(), entered), "test");
  for (int i = 0; i < 4; ++i) {
    context.restart();
    context.poll();
    gate.leave();
  }
  EXPECT_EQ(entered, "abcd");
}

TEST(DialGate, GivesUpAtTheDeadline) {
  boost::asio::io_context context;
  dial_gate gate(1);
  std::string entered;
  caller a(context, 'a'), b(context, 'b'), c(context, 'c');
  net::spawn(context, enter(gate, a, time_point::max(), entered), "test");
  net::spawn(context, enter(gate, b, clock::now(), entered), "test");
  context.poll();
  EXPECT_EQ(entered, "a-");
  gate.leave();
  net::spawn(context, enter(gate, c, time_point::max(), entered), "test");
  context.restart();
  context.poll();
  EXPECT_EQ(entered, "a-c");
}

boost::asio::awaitable<void> hold(hold_line& line, const listener_state& listener, caller& who,
                                  std::string& out) {
  const auto place = line.join({&listener, &who.wait, who.arrived});
  const bool is_woken = co_await who.wait.wait_until(time_point::max());
  line.leave(place);
  out += is_woken ? who.name : '-';
}

TEST(HoldLine, WakesInOrderAndOnlyListenersThatAreReady) {
  boost::asio::io_context context;
  hold_line line;
  const listener_state rw({"rw", {"127.0.0.1", 0}, {}, seconds{1}});
  const listener_state ro({"ro", {"127.0.0.1", 0}, {}, seconds{1}});
  std::string woken;
  caller a(context, 'a'), b(context, 'b'), c(context, 'c'), d(context, 'd');
  net::spawn(context, hold(line, rw, a, woken), "test");
  net::spawn(context, hold(line, ro, b, woken), "test");
  net::spawn(context, hold(line, rw, c, woken), "test");
  net::spawn(context, hold(line, rw, d, woken), "test");
  context.poll();
  line.wake([&](const listener_state& listener) { return &listener == &rw; }, false);
  context.poll();
  EXPECT_EQ(woken, "acd");
  EXPECT_FALSE(line.is_empty());
  line.wake([](const listener_state&) { return true; }, false);
  context.poll();
  EXPECT_EQ(woken, "acdb");
  EXPECT_TRUE(line.is_empty());
}

TEST(HoldLine, GivesBackTheOldPlaceToOneWhoseReleaseFailed) {
  boost::asio::io_context context;
  hold_line line;
  const listener_state rw({"rw", {"127.0.0.1", 0}, {}, seconds{1}});
  std::string woken;
  caller a(context, 'a'), b(context, 'b'), c(context, 'c');
  net::spawn(context, hold(line, rw, b, woken), "test");
  net::spawn(context, hold(line, rw, c, woken), "test");
  net::spawn(context, hold(line, rw, a, woken), "test");
  context.poll();
  line.wake([](const listener_state&) { return true; }, false);
  context.poll();
  EXPECT_EQ(woken, "abc");
}

}  // namespace
}  // namespace pgsteer::session
