// room_estimate: how many logins may be sent between two answers of the server.
#include "pgsteer/base/room_estimate.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace pgsteer {
namespace {

using turn = room_estimate::turn;

constexpr time_point start{seconds{1000}};

// How many are taken while there is room; 100: there is for everybody.
std::vector<turn> take_all(room_estimate& room) {
  std::vector<turn> taken;
  while (room.has_room() && taken.size() < 100) taken.push_back(room.take());
  return taken;
}

void answer(room_estimate& room, int free, time_point at) {
  room.note_free(free, at, at);
}

TEST(RoomEstimate, HasRoomForEverybodyBeforeTheFirstAnswer) {
  room_estimate room;
  EXPECT_EQ(take_all(room).size(), 100U);
}

TEST(RoomEstimate, GivesHalfOfWhatIsFreeAndOneAtLeast) {
  for (const auto& [free, expected] : {std::pair<int, std::size_t>{0, 0}, {1, 1}, {2, 1}, {3, 2}, {40, 20}}) {
    room_estimate room;
    answer(room, free, start);
    EXPECT_EQ(take_all(room).size(), expected) << free;
  }
}

// The server says the same again: it has counted none of them, or all of them and others have left.
TEST(RoomEstimate, SubtractsWhatWasSentLatelyAndIsNotCountedYet) {
  room_estimate room;
  answer(room, 40, start);
  EXPECT_EQ(take_all(room).size(), 20U);
  answer(room, 40, start + room_estimate::portion_time);
  EXPECT_EQ(take_all(room).size(), 10U);
  answer(room, 30, start + 2 * room_estimate::portion_time);
  EXPECT_EQ(take_all(room).size(), 5U) << "10 of 30 are counted, so 20 of these 30 are taken";
}

// 97 held logins, 100 places, sessions that stay: half of the rest with each answer.
TEST(RoomEstimate, SubtractsNothingThatIsCounted) {
  room_estimate room;
  int sent = 0;
  std::vector<int> turns;
  for (int i = 0; sent < 97 && i < 20; ++i) {
    answer(room, 100 - sent, start + i * room_estimate::portion_time);
    const int before = sent;
    while (room.has_room() && sent < 97) {
      (void)room.take();
      ++sent;
    }
    turns.push_back(sent - before);
  }
  EXPECT_EQ(turns, (std::vector{50, 25, 13, 6, 3}));
}

TEST(RoomEstimate, BelievesTheServerASecondAfterTheTurn) {
  constexpr time_point over = start + milliseconds{500};
  for (const auto& [later, expected] :
       {std::pair<duration, std::size_t>{milliseconds{999}, 10}, {seconds{1}, 20}}) {
    room_estimate room;
    answer(room, 40, start);
    EXPECT_EQ(take_all(room).size(), 20U);
    answer(room, 0, over);
    answer(room, 40, over + later);
    EXPECT_EQ(take_all(room).size(), expected) << "others have left, or the 20 are not counted yet";
  }
}

// Others read the same figure, and what they send is counted no sooner.
TEST(RoomEstimate, GivesNoMoreUntilAStormOfLoginsIsCounted) {
  room_estimate room;
  answer(room, 40, start);
  for (int i = 0; i < 15; ++i) (void)room.take();
  answer(room, 25, start + room_estimate::portion_time - milliseconds{1});
  EXPECT_EQ(take_all(room).size(), 5U) << "what is left of the first half";
  answer(room, 20, start + room_estimate::portion_time);
  EXPECT_EQ(take_all(room).size(), 10U);
  answer(room, 3, start + room_estimate::portion_time + milliseconds{20});
  EXPECT_FALSE(room.has_room());
}

// The answer may have been asked long before it came.
TEST(RoomEstimate, GoesByWhenItWasAsked) {
  room_estimate room;
  answer(room, 4, start);
  EXPECT_EQ(take_all(room).size(), 2U);
  answer(room, 4, start + milliseconds{5});
  room.note_free(4, start + room_estimate::portion_time, start + seconds{2});
  EXPECT_EQ(take_all(room).size(), 1U);
}

TEST(RoomEstimate, ForgetsWhatIsOverAndGivesItsPlaceWithTheNextAnswer) {
  room_estimate room;
  answer(room, 40, start);
  for (const turn each : take_all(room)) room.end(each);
  EXPECT_FALSE(room.has_room()) << "each may have been refused";
  answer(room, 40, start + room_estimate::portion_time);
  EXPECT_EQ(take_all(room).size(), 20U);
}

TEST(RoomEstimate, TakesBackWhatWasNotSent) {
  room_estimate room;
  answer(room, 2, start);
  room.put_back(room.take());
  EXPECT_EQ(take_all(room).size(), 1U);
}

// Of an earlier figure: the newer one knows nothing of it.
TEST(RoomEstimate, TakesNothingBackInALaterTurn) {
  room_estimate room;
  answer(room, 2, start);
  const turn taken = room.take();
  answer(room, 2, start + room_estimate::portion_time);
  room.put_back(taken);
  EXPECT_EQ(take_all(room).size(), 1U);
  answer(room, 4, start + 2 * room_estimate::portion_time);
  EXPECT_EQ(take_all(room).size(), 2U) << "one of four is out, and not the one that was put back";
}

// Those that need no room use it up all the same.
TEST(RoomEstimate, CountsTheOnesThatGoWithoutRoom) {
  room_estimate room;
  answer(room, 4, start);
  for (int i = 0; i < 3; ++i) (void)room.take();
  EXPECT_FALSE(room.has_room());
  answer(room, 5, start + room_estimate::portion_time);
  EXPECT_EQ(take_all(room).size(), 1U);
}

TEST(RoomEstimate, HasNoRoomAfterARefusalUntilTheNextAnswer) {
  room_estimate room;
  room.note_full();
  EXPECT_TRUE(room.has_room()) << "nothing is known of it";
  answer(room, 40, start);
  room.note_full();
  EXPECT_FALSE(room.has_room());
  answer(room, 40, start + room_estimate::portion_time);
  EXPECT_TRUE(room.has_room());
}

// What is over and was sent before all that is still remembered.
TEST(RoomEstimate, LetsOldOnesEnd) {
  room_estimate room;
  answer(room, 2, start);
  const turn old = room.take();
  for (int second = 2; second < 10; ++second) answer(room, 1, start + seconds{second});
  room.end(old);
  EXPECT_EQ(take_all(room).size(), 1U);
}

}  // namespace
}  // namespace pgsteer
