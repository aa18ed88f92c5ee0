// hold_line: who waits for a backend, and in which order they go on.
#include "pgsteer/login/hold_line.hpp"

#include <gtest/gtest.h>

#include <string>

namespace pgsteer::login {
namespace {

// In the order of their names; what they are woken for goes to a text that all share.
class caller {
 public:
  caller(char name, std::string& woken) : name_(name), woken_(woken) {}
  const std::function<void()> wake = [this] { woken_ += name_; };
  [[nodiscard]] time_point arrived() const { return time_point(seconds{name_}); }
  void join(hold_line& line, std::size_t listener, hold_line::wish wish = hold_line::wish::a_backend) {
    hold = line.join(listener, wake, arrived(), wish);
  }
  hold_line::place hold;

 private:
  char name_;
  std::string& woken_;
};

class HoldLine : public testing::Test {
 protected:
  std::string woken_;
  static constexpr std::size_t rw_ = 0, ro_ = 1;
  hold_line line_;
  caller a_{'a', woken_}, b_{'b', woken_}, c_{'c', woken_}, d_{'d', woken_};
};

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
    const hold_line::place place = line_.join(rw_, a_.wake, a_.arrived(), hold_line::wish::a_backend);
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
