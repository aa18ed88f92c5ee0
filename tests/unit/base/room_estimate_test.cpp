// room_estimate: how many logins may be sent between two answers of the server.
#include "pgsteer/base/room_estimate.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace pgsteer {
namespace {

constexpr time_point start{seconds{1000}};

// How many are taken while there is room; 1,000: there is for everybody.
int take_all(room_estimate& room, int most = 1'000) {
  int taken = 0;
  for (; room.has_room() && taken < most; ++taken) room.take();
  return taken;
}

void end(room_estimate& room, int sessions) {
  for (int i = 0; i < sessions; ++i) room.end();
}

TEST(RoomEstimate, HasRoomForEverybodyBeforeTheFirstAnswer) {
  room_estimate room;
  EXPECT_EQ(take_all(room), 1'000);
}

TEST(RoomEstimate, GivesHalfOfWhatIsFreeAndOneAtLeast) {
  for (const auto& [free, expected] : {std::pair<int, int>{0, 0}, {1, 1}, {2, 1}, {3, 2}, {40, 20}}) {
    room_estimate room;
    room.note_free(free, start);
    EXPECT_EQ(take_all(room), expected) << free;
  }
}

// The server says the same again: it has counted none of them, or all of them and others have left.
TEST(RoomEstimate, SubtractsWhatIsNotCountedYet) {
  room_estimate room;
  room.note_free(40, start);
  EXPECT_EQ(take_all(room), 20);
  room.note_free(40, start + room_estimate::portion_time);
  EXPECT_EQ(take_all(room), 10);
  room.note_free(30, start + 2 * room_estimate::portion_time);
  EXPECT_EQ(take_all(room), 5) << "10 of 30 are counted, so 20 of these 30 are taken";
}

// 97 held logins, 100 places, sessions that stay: half of the rest with each answer.
TEST(RoomEstimate, SubtractsNothingThatIsCounted) {
  room_estimate room;
  int sent = 0;
  std::vector<int> portions;
  for (int i = 0; sent < 97 && i < 20; ++i) {
    room.note_free(100 - sent, start + i * room_estimate::portion_time);
    portions.push_back(take_all(room, 97 - sent));
    sent += portions.back();
  }
  EXPECT_EQ(portions, (std::vector{50, 25, 13, 6, 3}));
}

// 500 held logins, 400 places, and a server that needs seconds to let anybody in.
TEST(RoomEstimate, NeverSendsMoreThanTheOthersLeaveInASlowStorm) {
  room_estimate room;
  int sent = 0;
  time_point now = start;
  for (; now < start + seconds{3}; now += milliseconds{100}) {
    room.note_free(400, now);
    sent += take_all(room);
  }
  EXPECT_EQ(sent, 400);
  for (int counted = 0; counted <= 400; counted += 25, now += milliseconds{100}) {
    room.note_free(400 - counted, now);
    EXPECT_FALSE(room.has_room()) << counted;
  }
}

// Nobody waits for ever, though, and what was sent before those need not be counted either.
TEST(RoomEstimate, RemembersWhatOthersLeftUntilAWholeStormIsCounted) {
  room_estimate room;
  int sent = 0;
  time_point now = start;
  for (; now < start + seconds{20}; now += milliseconds{100}) {
    room.note_free(400, now);
    sent += take_all(room);
    ASSERT_LE(sent, 400) << in_seconds(now - start);
  }
  EXPECT_EQ(sent, 400);
  room.note_free(400, start + room_estimate::uncounted_at_most_for + seconds{1});
  EXPECT_TRUE(room.has_room());
}

// Whatever the others do, nobody waits for what is free and ours.
TEST(RoomEstimate, GivesThePlacesOfOurOwnSessionsAtOnce) {
  room_estimate room;
  for (int i = 0; i < 10; ++i) room.take();
  room.note_free(0, start);
  for (int i = 1; i < 20; ++i) {
    const time_point at = start + i * room_estimate::portion_time;
    room.end();
    room.note_free(0, at - milliseconds{1});
    EXPECT_FALSE(room.has_room()) << "the server is not done with it";
    room.note_free(1, at);
    EXPECT_EQ(take_all(room), 1) << i;
  }
}

// All at once, and the server needs a moment to see it.
TEST(RoomEstimate, TakesItsOwnThatEndForNobodyElsesSessions) {
  room_estimate room;
  room.note_free(10, start);
  for (int i = 0; i < 10; ++i) room.take();
  room.note_free(0, start + seconds{20});
  end(room, 10);
  const time_point just_before = start + seconds{20} + room_estimate::counted_too_long_for - milliseconds{1};
  room.note_free(0, just_before);
  EXPECT_FALSE(room.has_room());
  room.note_free(10, just_before + milliseconds{100});
  EXPECT_EQ(take_all(room), 5);
}

// Those places were ours: what is free beside the next ones is not what others have left.
TEST(RoomEstimate, DoesNotWaitForTheNextBecauseOfItsOwnThatHaveJustEnded) {
  room_estimate room;
  for (int i = 0; i < 10; ++i) room.take();
  room.note_free(0, start);
  end(room, 10);
  room.note_free(0, start + milliseconds{100});
  for (int i = 0; i < 5; ++i) room.take();
  room.note_free(5, start + milliseconds{200} + room_estimate::portion_time);
  EXPECT_EQ(take_all(room), 3) << "all five are counted";
}

TEST(RoomEstimate, BelievesThatOthersHaveLeftOnlyOnceAStormWouldBeCounted) {
  const duration counted_by = room_estimate::uncounted_for + 20 * room_estimate::uncounted_longer_by;
  for (const auto& [later, expected] :
       {std::pair<duration, int>{counted_by - milliseconds{1}, 10}, {counted_by, 20}}) {
    room_estimate room;
    room.note_free(40, start);
    EXPECT_EQ(take_all(room), 20);
    room.note_free(40, start + later);
    EXPECT_EQ(take_all(room), expected) << "20 others have left, or the 20 are not counted yet";
  }
}

TEST(RoomEstimate, BelievesAtOnceThatOthersHaveLeftWhileNobodyOfOursComes) {
  room_estimate room;
  for (int i = 0; i < 10; ++i) room.take();
  room.note_free(0, start);
  room.note_free(5, start + room_estimate::portion_time);
  EXPECT_EQ(take_all(room), 3);
}

// Others read the same figure, and what they send is counted no sooner.
TEST(RoomEstimate, GivesNoMoreUntilAStormOfLoginsIsCounted) {
  room_estimate room;
  room.note_free(40, start);
  EXPECT_EQ(take_all(room, 15), 15);
  room.note_free(25, start + room_estimate::portion_time - milliseconds{1});
  EXPECT_EQ(take_all(room), 5) << "what is left of the first half";
  room.note_free(20, start + room_estimate::portion_time);
  EXPECT_EQ(take_all(room), 10);
  room.note_free(3, start + room_estimate::portion_time + milliseconds{20});
  EXPECT_FALSE(room.has_room());
}

// However many there were.
TEST(RoomEstimate, SeesAtOnceWhatOthersHaveTaken) {
  room_estimate room;
  room.note_free(40, start);
  room.note_free(1, start + room_estimate::portion_time);
  EXPECT_EQ(take_all(room), 1);
}

TEST(RoomEstimate, ForgetsWhatIsOverAndGivesItsPlaceWithTheNextAnswer) {
  room_estimate room;
  room.note_free(40, start);
  end(room, take_all(room));
  EXPECT_FALSE(room.has_room()) << "each may have been refused";
  room.note_free(40, start + room_estimate::portion_time);
  EXPECT_EQ(take_all(room), 20);
}

TEST(RoomEstimate, TakesBackWhatWasNotSent) {
  room_estimate room;
  room.note_free(2, start);
  room.take();
  EXPECT_FALSE(room.has_room());
  room.put_back();
  EXPECT_EQ(room.ours(), 0U);
  EXPECT_EQ(take_all(room), 1);
}

// Those that need no room use it up all the same.
TEST(RoomEstimate, CountsTheOnesThatGoWithoutRoom) {
  room_estimate room;
  room.note_free(4, start);
  for (int i = 0; i < 3; ++i) room.take();
  EXPECT_FALSE(room.has_room());
  room.note_free(5, start + room_estimate::portion_time);
  EXPECT_EQ(take_all(room), 1);
}

TEST(RoomEstimate, HasNoRoomAfterARefusalUntilTheNextAnswer) {
  room_estimate room;
  room.note_full();
  EXPECT_TRUE(room.has_room()) << "nothing is known of it";
  room.note_free(40, start);
  room.note_full();
  EXPECT_FALSE(room.has_room());
  room.note_free(40, start + room_estimate::portion_time);
  EXPECT_TRUE(room.has_room());
}

}  // namespace
}  // namespace pgsteer
