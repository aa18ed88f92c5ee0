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
  void enter(const limited_queue& into, bool needs_room = false) {
    place = permit_queue::enter(into.queue, into.limit, {wake_, time_point(seconds{name_}), needs_room});
  }
  permit_queue::place place;

 private:
  char name_;
  std::string& woken_;
  permit_queue::wake_function wake_ = [this] { woken_ += name_; };
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

// Who needs room at the server, and is sent there while it says that some is free.
class PermitQueueRoom : public PermitQueue {
 protected:
  void say_free(int free) {
    now_ += room_estimate::portion_time;
    many_.queue->note_free(free, now_);
  }
  limited_queue many_{.limit = 9};
  time_point now_{seconds{1000}};
};

TEST_F(PermitQueueRoom, LetsThroughHalfOfWhatIsFreeInOrder) {
  say_free(4);
  for (caller* who : {&a_, &b_, &d_, &c_}) who->enter(many_, true);
  EXPECT_TRUE(a_.place.is_granted() && b_.place.is_granted());
  EXPECT_FALSE(c_.place.is_granted() || d_.place.is_granted());
  EXPECT_TRUE(many_.queue->count().is_out_of_room);
  say_free(3);
  EXPECT_EQ(woken_, "c") << "two of these three may be the first two";
  for (caller* who : {&a_, &b_}) {
    who->place.take_seat().leave();
    who->place.leave();
  }
  EXPECT_EQ(woken_, "c") << "what is free then, the next answer says";
  say_free(3);
  EXPECT_EQ(woken_, "cd");
  EXPECT_FALSE(many_.queue->count().is_out_of_room);
}

TEST_F(PermitQueueRoom, LetsEverybodyThroughBeforeTheFirstAnswer) {
  for (caller* who : {&a_, &b_, &c_, &d_}) who->enter(many_, true);
  EXPECT_TRUE(d_.place.is_granted());
}

TEST_F(PermitQueueRoom, WaitsForBothAPermitAndRoom) {
  say_free(1);
  for (caller* who : {&a_, &b_}) who->enter({many_.queue, 1}, true);
  EXPECT_FALSE(many_.queue->count().is_out_of_room) << "a permit is what b waits for first";
  const permit_queue::seat session = a_.place.take_seat();
  a_.place.leave();
  EXPECT_EQ(woken_, "");
  EXPECT_TRUE(many_.queue->count().is_out_of_room);
  say_free(1);
  EXPECT_EQ(woken_, "") << "which may be a's";
  say_free(2);
  EXPECT_EQ(woken_, "b");
}

// An administrator's login, for which places are reserved: the server decides.
TEST_F(PermitQueueRoom, WhoNeedsNoRoomWaitsOnlyBehindThoseWhoDo) {
  say_free(0);
  b_.enter(many_);
  EXPECT_TRUE(b_.place.is_granted());
  c_.enter(many_, true);
  d_.enter(many_);
  a_.enter(many_);
  EXPECT_TRUE(a_.place.is_granted()) << "it came before those who wait";
  EXPECT_FALSE(d_.place.is_granted());
  c_.place.leave();
  EXPECT_EQ(woken_, "d");
}

TEST_F(PermitQueueRoom, WhoCanWaitNoLongerGoesWithoutRoom) {
  say_free(0);
  for (caller* who : {&a_, &b_, &c_}) who->enter({many_.queue, 1}, true);
  EXPECT_TRUE(b_.place.insist()) << "also before a";
  EXPECT_FALSE(c_.place.insist()) << "a permit it needs all the same";
  EXPECT_EQ(woken_, "") << "who insists knows already";
  EXPECT_TRUE(b_.place.insist());
  b_.place.leave();
  EXPECT_EQ(woken_, "") << "a stands before c, and needs room";
  a_.place.leave();
  EXPECT_EQ(woken_, "c");
}

TEST_F(PermitQueueRoom, WhoGoesWithoutRoomIsInNobodysWay) {
  say_free(0);
  a_.enter(many_, true);
  b_.enter(many_);
  EXPECT_FALSE(b_.place.is_granted());
  EXPECT_TRUE(a_.place.insist());
  EXPECT_EQ(woken_, "b");
}

// The backend it was for is not to be used any more, say.
TEST_F(PermitQueueRoom, PassesOnTheRoomOfWhoDidNotGo) {
  say_free(2);
  for (caller* who : {&a_, &b_}) who->enter(many_, true);
  a_.place.leave();
  EXPECT_EQ(woken_, "b");
}

TEST_F(PermitQueueRoom, ASessionsPlaceIsRoomOnceTheServerSaysSo) {
  say_free(2);
  for (caller* who : {&a_, &b_}) who->enter(many_, true);
  permit_queue::seat session = a_.place.take_seat();
  a_.place.leave();
  permit_queue::seat moved;
  moved = std::move(session);
  session.leave();
  say_free(2);
  EXPECT_EQ(woken_, "b") << "one of the two, since it lives on where it was moved to";
  c_.enter(many_, true);
  moved.leave();
  EXPECT_EQ(woken_, "b");
  say_free(2);
  EXPECT_EQ(woken_, "bc");
}

TEST_F(PermitQueueRoom, NobodyGoesAfterARefusalUntilTheNextAnswer) {
  say_free(9);
  many_.queue->note_full();
  a_.enter(many_, true);
  EXPECT_FALSE(a_.place.is_granted());
  say_free(9);
  EXPECT_EQ(woken_, "a");
}

// A worker's login: waits for its place, holds it for a moment, gives it back; every third one leaves the
// queue without waiting.
void log_in(const limited_queue& queue, int number, std::atomic<std::uint32_t>& out) {
  const auto is_woken = std::make_shared<std::atomic_flag>();
  const permit_queue::wake_function wake = [is_woken] { is_woken->test_and_set(); };
  permit_queue::place place =
      permit_queue::enter(queue.queue, queue.limit, {wake, clock::now(), number % 2 == 0});
  if (number % 3 == 0) return;
  while (!place.is_granted()) {
    while (!is_woken->test()) std::this_thread::yield();
  }
  const permit_queue::seat seat = place.take_seat();
  EXPECT_LE(out.fetch_add(1) + 1, queue.limit);
  std::this_thread::yield();
  out.fetch_sub(1);
}

TEST_F(PermitQueue, NeverGivesOutMoreThanItsLimitToSeveralThreads) {
  std::atomic<std::uint32_t> out = 0;
  std::atomic<bool> is_over = false;
  std::vector<std::thread> workers;
  for (int i = 0; i < 4; ++i) {
    workers.emplace_back([&] {
      for (int each = 0; each < 500; ++each) log_in(two_, each, out);
    });
  }
  std::thread prober([&, free = 0, now = time_point()]() mutable {
    while (!is_over) {
      two_.queue->note_free(free++ % 3, now += room_estimate::uncounted_for);
      std::this_thread::yield();
    }
  });
  for (std::thread& each : workers) each.join();
  is_over = true;
  prober.join();
  EXPECT_EQ(two_.queue->count().granted, 0U);
  EXPECT_EQ(two_.queue->count().waiting, 0U);
}

}  // namespace
}  // namespace pgsteer
