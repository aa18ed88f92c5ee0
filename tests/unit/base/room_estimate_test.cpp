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
TEST(RoomEstimate, SubtractsWhatWasSentLately) {
  room_estimate room;
  answer(room, 40, start);
  EXPECT_EQ(take_all(room).size(), 20U);
  answer(room, 40, start + milliseconds{20});
  EXPECT_EQ(take_all(room).size(), 10U);
  answer(room, 30, start + milliseconds{40});
  EXPECT_EQ(take_all(room).size(), 0U);
}

TEST(RoomEstimate, BelievesTheServerAfterASecond) {
  room_estimate room;
  answer(room, 40, start);
  EXPECT_EQ(take_all(room).size(), 20U);
  answer(room, 20, start + room_estimate::unseen_for - milliseconds{1});
  EXPECT_EQ(take_all(room).size(), 0U);
  answer(room, 20, start + room_estimate::unseen_for);
  EXPECT_EQ(take_all(room).size(), 10U);
}

// The answer may have been asked long before it came.
TEST(RoomEstimate, GoesByWhenItWasAsked) {
  room_estimate room;
  answer(room, 2, start);
  EXPECT_EQ(take_all(room).size(), 1U);
  room.note_free(1, start + milliseconds{10}, start + seconds{2});
  EXPECT_EQ(take_all(room).size(), 0U);
}

TEST(RoomEstimate, ForgetsWhatIsOverAndGivesItsPlaceWithTheNextAnswer) {
  room_estimate room;
  answer(room, 40, start);
  for (const turn each : take_all(room)) room.end(each);
  EXPECT_FALSE(room.has_room()) << "each may have been refused";
  answer(room, 40, start + milliseconds{20});
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
  answer(room, 2, start + milliseconds{20});
  room.put_back(taken);
  EXPECT_EQ(take_all(room).size(), 1U);
  answer(room, 4, start + milliseconds{40});
  EXPECT_EQ(take_all(room).size(), 2U) << "one of four is out, and not the one that was put back";
}

// Those that need no room use it up all the same.
TEST(RoomEstimate, CountsTheOnesThatGoWithoutRoom) {
  room_estimate room;
  answer(room, 4, start);
  for (int i = 0; i < 3; ++i) (void)room.take();
  EXPECT_FALSE(room.has_room());
  answer(room, 5, start + milliseconds{20});
  EXPECT_EQ(take_all(room).size(), 1U);
}

TEST(RoomEstimate, HasNoRoomAfterARefusalUntilTheNextAnswer) {
  room_estimate room;
  room.note_full();
  EXPECT_TRUE(room.has_room()) << "nothing is known of it";
  answer(room, 40, start);
  room.note_full();
  EXPECT_FALSE(room.has_room());
  answer(room, 40, start + milliseconds{20});
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
