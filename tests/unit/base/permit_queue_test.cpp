// permit_queue: who waits for a permit, and in which order they get one; also from several threads.
#include "pgsteer/base/permit_queue.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace pgsteer {
namespace {

using queue_ptr = std::shared_ptr<permit_queue>;

struct limited_queue {
  queue_ptr queue = std::make_shared<permit_queue>();
  std::uint32_t limit;
};

// In the order of their names; what they are woken for goes to a text that all share.
class caller {
 public:
  caller(char name, std::string& woken) : name_(name), woken_(woken) {}
  void enter(const limited_queue& into) {
    place = permit_queue::enter(
        into.queue, into.limit, [this] { woken_ += name_; }, time_point(seconds{name_}));
  }
  permit_queue::place place;

 private:
  char name_;
  std::string& woken_;
};

class PermitQueue : public testing::Test {
 protected:
  std::string woken_;
  limited_queue one_{.limit = 1};
  limited_queue two_{.limit = 2};
  caller a_{'a', woken_}, b_{'b', woken_}, c_{'c', woken_}, d_{'d', woken_};
};

TEST_F(PermitQueue, LetsThroughUpToItsLimitAndThenInOrder) {
  for (caller* who : {&a_, &b_, &c_, &d_}) who->enter(two_);
  EXPECT_TRUE(a_.place.is_granted() && b_.place.is_granted());
  EXPECT_FALSE(c_.place.is_granted() || d_.place.is_granted());
  EXPECT_EQ(woken_, "") << "who need not wait is not woken";
  b_.place.leave();
  EXPECT_TRUE(c_.place.is_granted());
  EXPECT_EQ(woken_, "c");
  a_.place.leave();
  EXPECT_TRUE(d_.place.is_granted());
  EXPECT_EQ(woken_, "cd");
}

TEST_F(PermitQueue, GivesNoPlaceAwayWithTheOneWhoLeftTheLine) {
  for (caller* who : {&a_, &b_, &c_}) who->enter(one_);
  b_.place.leave();
  EXPECT_EQ(woken_, "");
  a_.place.leave();
  EXPECT_EQ(woken_, "c");
}

// Who comes back to the queue has waited longer than the others.
TEST_F(PermitQueue, LetsEarlierClientsGoFirst) {
  for (caller* who : {&a_, &c_, &d_, &b_}) who->enter(one_);
  for (caller* who : {&a_, &b_, &c_}) who->place.leave();
  EXPECT_EQ(woken_, "bcd");
}

// Granted, and not gone on yet.
TEST_F(PermitQueue, PassesOnAPlaceThatWasGrantedAndNotUsed) {
  for (caller* who : {&a_, &b_, &c_}) who->enter(one_);
  a_.place.leave();
  b_.place.leave();
  EXPECT_EQ(woken_, "bc");
  c_.place.leave();
  d_.enter(one_);
  EXPECT_TRUE(d_.place.is_granted());
}

TEST_F(PermitQueue, APlaceThatIsMovedCountsOnce) {
  a_.enter(one_);
  permit_queue::place moved = std::move(a_.place);
  EXPECT_FALSE(a_.place.is_granted());
  EXPECT_TRUE(moved.is_granted());
  b_.enter(one_);
  moved = std::move(b_.place);  // gives back the one it had
  EXPECT_TRUE(moved.is_granted());
  EXPECT_EQ(woken_, "b");
  moved = {};
  c_.enter(one_);
  EXPECT_TRUE(c_.place.is_granted());
}

TEST_F(PermitQueue, GoesByTheLimitOfTheMoment) {
  for (caller* who : {&a_, &b_}) who->enter(two_);
  for (caller* who : {&c_, &d_}) who->enter({two_.queue, 1});
  a_.place.leave();
  EXPECT_EQ(woken_, "") << "one is out still, and that is the limit now";
  b_.place.leave();
  EXPECT_EQ(woken_, "c");
  a_.enter(two_);
  EXPECT_EQ(woken_, "cd") << "who came first is not overtaken when there is room for more";
  EXPECT_FALSE(a_.place.is_granted());
}

TEST_F(PermitQueue, LivesAsLongAsItsPlaces) {
  for (caller* who : {&a_, &b_}) who->enter(one_);
  one_.queue.reset();
  a_.place.leave();
  EXPECT_TRUE(b_.place.is_granted());
}

// A worker's login: waits for its place, holds it for a moment, gives it back; every third one leaves the
// queue without waiting.
void log_in(const limited_queue& queue, int number, std::atomic<std::uint32_t>& out) {
  const auto is_woken = std::make_shared<std::atomic_flag>();
  permit_queue::place place = permit_queue::enter(
      queue.queue, queue.limit, [is_woken] { is_woken->test_and_set(); }, clock::now());
  if (number % 3 == 0) return;
  while (!place.is_granted()) {
    while (!is_woken->test()) std::this_thread::yield();
  }
  EXPECT_LE(out.fetch_add(1) + 1, queue.limit);
  std::this_thread::yield();
  out.fetch_sub(1);
}

TEST_F(PermitQueue, NeverGivesOutMoreThanItsLimitToSeveralThreads) {
  std::atomic<std::uint32_t> out = 0;
  std::vector<std::thread> workers;
  for (int i = 0; i < 4; ++i) {
    workers.emplace_back([&] {
      for (int each = 0; each < 500; ++each) log_in(two_, each, out);
    });
  }
  for (std::thread& each : workers) each.join();
  EXPECT_EQ(two_.queue->count().granted, 0U);
  EXPECT_EQ(two_.queue->count().waiting, 0U);
}

}  // namespace
}  // namespace pgsteer
