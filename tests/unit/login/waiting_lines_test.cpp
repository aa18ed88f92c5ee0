// dial_gate and hold_line: who waits for a dial or for a backend, and in which order they go on.
#include "pgsteer/login/waiting_lines.hpp"

#include <gtest/gtest.h>

#include <string>

namespace pgsteer::login {
namespace {

// In the order of their names; what they are woken for goes to a text that all share.
class caller final : public waiter {
 public:
  caller(char name, std::string& woken) : name_(name), woken_(woken) {}
  void wake() override { woken_ += name_; }
  [[nodiscard]] time_point arrived() const { return time_point(seconds{name_}); }
  void enter(dial_gate& gate) { dial = gate.enter(*this, arrived()); }
  void join(hold_line& line, std::size_t listener, hold_line::wish wish = hold_line::wish::a_backend) {
    hold = line.join(listener, *this, arrived(), wish);
  }
  dial_gate::place dial;
  hold_line::place hold;

 private:
  char name_;
  std::string& woken_;
};

class WaitingLines : public testing::Test {
 protected:
  std::string woken_;
  static constexpr std::size_t rw_ = 0, ro_ = 1;
  hold_line line_;
  dial_gate gate_{2};
  dial_gate narrow_{1};
  caller a_{'a', woken_}, b_{'b', woken_}, c_{'c', woken_}, d_{'d', woken_};
};
using DialGate = WaitingLines;
using HoldLine = WaitingLines;

TEST_F(DialGate, LetsThroughUpToItsLimitAndThenInOrder) {
  for (caller* who : {&a_, &b_, &c_, &d_}) who->enter(gate_);
  EXPECT_TRUE(a_.dial.is_granted() && b_.dial.is_granted());
  EXPECT_FALSE(c_.dial.is_granted() || d_.dial.is_granted());
  EXPECT_EQ(woken_, "") << "who need not wait is not woken";
  b_.dial.leave();
  EXPECT_TRUE(c_.dial.is_granted());
  EXPECT_EQ(woken_, "c");
  a_.dial.leave();
  EXPECT_TRUE(d_.dial.is_granted());
  EXPECT_EQ(woken_, "cd");
}

TEST_F(DialGate, GivesNoPlaceAwayWithTheOneWhoLeftTheLine) {
  for (caller* who : {&a_, &b_, &c_}) who->enter(narrow_);
  b_.dial.leave();
  EXPECT_EQ(woken_, "");
  a_.dial.leave();
  EXPECT_EQ(woken_, "c");
}

// A login whose first dial failed comes back to the line, and has waited longer than the others.
TEST_F(DialGate, LetsEarlierClientsGoFirst) {
  for (caller* who : {&a_, &c_, &d_, &b_}) who->enter(narrow_);
  for (caller* who : {&a_, &b_, &c_}) who->dial.leave();
  EXPECT_EQ(woken_, "bcd");
}

// Granted, and not gone on yet.
TEST_F(DialGate, PassesOnAPlaceThatWasGrantedAndNotUsed) {
  for (caller* who : {&a_, &b_, &c_}) who->enter(narrow_);
  a_.dial.leave();
  b_.dial.leave();
  EXPECT_EQ(woken_, "bc");
  c_.dial.leave();
  d_.enter(narrow_);
  EXPECT_TRUE(d_.dial.is_granted());
}

TEST_F(DialGate, APlaceThatIsMovedCountsOnce) {
  a_.enter(narrow_);
  dial_gate::place moved = std::move(a_.dial);
  EXPECT_FALSE(a_.dial.is_granted());
  EXPECT_TRUE(moved.is_granted());
  b_.enter(narrow_);
  moved = std::move(b_.dial);  // gives back the one it had
  EXPECT_TRUE(moved.is_granted());
  EXPECT_EQ(woken_, "b");
  moved = {};
  c_.enter(narrow_);
  EXPECT_TRUE(c_.dial.is_granted());
}

TEST_F(HoldLine, WakesInOrderAndOnlyListenersThatAreReady) {
  for (caller* who : {&c_, &a_, &d_}) who->join(line_, rw_);
  b_.join(line_, ro_);
  line_.wake([](std::size_t listener) { return listener == rw_; }, false);
  EXPECT_EQ(woken_, "acd");
  EXPECT_FALSE(line_.is_empty());
  for (caller* who : {&a_, &c_, &d_}) who->hold.leave();
  line_.wake([](std::size_t) { return true; }, false);
  EXPECT_EQ(woken_, "acdb");
  b_.hold.leave();
  EXPECT_TRUE(line_.is_empty());
}

TEST_F(HoldLine, WakesThoseWhoWaitForAChangeAtAChangeOnly) {
  a_.join(line_, rw_, hold_line::wish::a_change);
  line_.wake([](std::size_t) { return true; }, false);
  EXPECT_EQ(woken_, "");
  line_.wake([](std::size_t) { return false; }, true);
  EXPECT_EQ(woken_, "a");
}

TEST_F(HoldLine, APlaceThatGoesLeavesTheLine) {
  {
    const hold_line::place place = line_.join(rw_, a_, a_.arrived(), hold_line::wish::a_backend);
    EXPECT_FALSE(line_.is_empty());
  }
  EXPECT_TRUE(line_.is_empty());
  b_.join(line_, rw_);
  hold_line::place moved = std::move(b_.hold);
  b_.hold.leave();
  EXPECT_FALSE(line_.is_empty());
  moved = {};
  EXPECT_TRUE(line_.is_empty());
}

}  // namespace
}  // namespace pgsteer::login
