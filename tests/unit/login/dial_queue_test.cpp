// A login's place among the dials of its backend: waited for in the order of arrival, and only where it may
// go.
#include <gtest/gtest.h>

#include "unit/login/ways.hpp"

namespace pgsteer::login::test {
namespace {

void go_on(login_world& world) {
  if (world.transcript.empty()) return world.inject(begun{});
  ASSERT_TRUE(world.step());
}

// It has chosen its backend, and waits for a dial there.
void until_queued(login_world& world) {
  while (world.transcript != "read_client choose" || !world.is_at_rest()) go_on(world);
}

TEST(DialQueue, WaitsForAPlaceAmongTheDialsAndChoosesAgain) {
  login_world world({.client = {startup}, .attempts = {answering({authentication_ok})}});
  permit_queue::place taken = world.enter(0);
  until_queued(world);
  EXPECT_TRUE(world.last.watches_client);
  EXPECT_EQ(world.last.deadline, world.now + seconds{10});
  EXPECT_EQ(world.backends[0]->counters.sessions.value(), 0U) << "no place is taken there meanwhile";
  taken.leave();
  EXPECT_TRUE(world.is_woken);
  EXPECT_EQ(world.run(), "read_client choose choose dial write_backend read_backend relay");
}

TEST(DialQueue, AGrantedPlaceCountsAlsoAtTheDeadline) {
  login_world world({.client = {startup}, .attempts = {answering({authentication_ok})}});
  permit_queue::place taken = world.enter(0);
  until_queued(world);
  taken.leave();
  ASSERT_TRUE(world.let_time_pass());
  EXPECT_EQ(world.transcript, "read_client choose choose");
}

// The one it waits at is no longer to be used: what it goes on with has dials of its own.
TEST(DialQueue, WaitsForADialOnlyWhereItMayGo) {
  login_world world({.client = {startup}, .attempts = {answering({authentication_ok})}});
  const permit_queue::place taken = world.enter(0);
  until_queued(world);
  world.inject(snapshot_changed{});
  ASSERT_TRUE(world.step());
  EXPECT_EQ(world.transcript, "read_client choose choose") << "to the same one";
  EXPECT_EQ(world.backends[0]->dials.count().waiting, 1U);
  topology::topology_snapshot promoted =
      routing::testing::snapshot_of({routing::testing::standby(1), routing::testing::primary(2)});
  world.go_by(std::move(promoted));
  world.inject(snapshot_changed{});
  EXPECT_EQ(world.run(), "read_client choose choose choose dial write_backend read_backend relay");
  EXPECT_EQ(world.backends[0]->dials.count().waiting, 0U);
  EXPECT_EQ(world.backends[1]->counters.sessions.value(), 1U);
}

// A primary that is silent gets no more logins, so that nobody need queue there; the next snapshot may have
// it again, or another.
TEST(DialQueue, IsHeldWhereItsBackendFallsSilentWhileItWaitsForADial) {
  login_world world({.client = {startup}});
  const permit_queue::place taken = world.enter(0);
  until_queued(world);
  topology::backend_status silent = routing::testing::primary(1);
  silent.is_rw_eligible = silent.is_answering = false;
  world.go_by(routing::testing::snapshot_of({silent}));
  world.inject(snapshot_changed{});
  ASSERT_TRUE(world.step());
  ASSERT_TRUE(world.step());
  EXPECT_EQ(world.transcript, "read_client choose choose look");
  EXPECT_EQ(world.counters.held.value(), 1U);
}

// Its turn comes where it has queued, and by then it is to go elsewhere, where others dial.
TEST(DialQueue, QueuesAgainWhereItIsToGoNow) {
  login_world world({.client = {startup}, .attempts = {answering({authentication_ok})}});
  permit_queue::place first = world.enter(0), second = world.enter(1);
  until_queued(world);
  world.go_by(routing::testing::snapshot_of({routing::testing::standby(1), routing::testing::primary(2)}));
  first.leave();
  ASSERT_TRUE(world.step());
  ASSERT_TRUE(world.step());
  EXPECT_EQ(world.transcript, "read_client choose choose");
  EXPECT_TRUE(world.is_at_rest());
  EXPECT_TRUE(world.enter(0).is_granted()) << "its place there is given back";
  second.leave();
  EXPECT_EQ(world.run(), "read_client choose choose choose dial write_backend read_backend relay");
}

TEST(DialQueue, GivesUpThePlaceAmongTheDialsAtHoldTimeout) {
  login_world world({.client = {startup}});
  const permit_queue::place taken = world.enter(0);
  EXPECT_EQ(world.run(), "read_client choose end");
  EXPECT_EQ(world.reason(), close_reason::hold_timeout);
  EXPECT_EQ(world.machine->end().detail,
            "no usable backend after waiting 10 s: too many logins dial at once");
  EXPECT_EQ(world.counters.hold_expired.value(), 0U) << "it was never held";
}

// However often it has to queue elsewhere.
TEST(DialQueue, HoldTimeoutBoundsAllThatALoginWaitsFor) {
  login_world world({.client = {startup}});
  permit_queue::place first = world.enter(0), second = world.enter(1);
  const time_point begun_at = world.now;
  until_queued(world);
  world.now += seconds{7};
  world.go_by(routing::testing::snapshot_of({routing::testing::standby(1), routing::testing::primary(2)}));
  world.inject(snapshot_changed{});
  ASSERT_TRUE(world.step());
  world.now += seconds{2};
  world.have_no_primary();
  world.inject(snapshot_changed{});
  EXPECT_EQ(world.run(), "read_client choose choose choose look look end");
  EXPECT_EQ(world.now, begun_at + seconds{10});
}

TEST(DialQueue, ALateAnswerKeepsNobodyElseFromDialing) {
  login_world world({.client = {startup}, .attempts = {answering({})}});
  while (world.transcript.find("login_slow") == std::string::npos) go_on(world);
  EXPECT_FALSE(world.enter(0).is_granted());
  while (world.transcript.find("login_failed") == std::string::npos) go_on(world);
  EXPECT_TRUE(world.enter(0).is_granted());
  EXPECT_EQ(world.backends[0]->counters.sessions.value(), 1U) << "it waits on";
}

// It has sent a query behind its startup packet, and ended: maybe nobody is there, and others wait.
TEST(DialQueue, EndsWithItsClientsSendingDirection) {
  login_world world({.client = {startup + "Q"}, .dials_taken_for = seconds{3}});
  while (!world.last.watches_client) go_on(world);
  world.presence = client_presence::ended;
  world.inject(client_readable{});
  EXPECT_EQ(world.run(), "read_client choose look end");
  EXPECT_EQ(world.reason(), close_reason::client_left_early);
}

// It was held until there was a primary: so were many others, and they would fill it in one moment.
plan held_for_a_full_primary(std::vector<attempt_plan> attempts) {
  return {.client = {startup},
          .attempts = std::move(attempts),
          .is_held_at_first = true,
          .full_for = seconds{60}};
}
const std::string held_and_chosen = "read_client choose look look choose";
void until_waiting_for_room(login_world& world) {
  while (world.transcript.size() < held_and_chosen.size() || !world.is_at_rest()) go_on(world);
  ASSERT_EQ(world.transcript, held_and_chosen);
}

TEST(DialQueue, AHeldLoginWaitsForRoomAtItsBackend) {
  login_world world(held_for_a_full_primary({answering({authentication_ok})}));
  until_waiting_for_room(world);
  EXPECT_TRUE(world.last.watches_client);
  EXPECT_EQ(world.counters.held.value(), 1U);
  EXPECT_EQ(world.backends[0]->counters.sessions.value(), 0U);
  EXPECT_TRUE(world.backends[0]->dials.count().is_out_of_room);
  world.say_free(1);
  EXPECT_TRUE(world.is_woken);
  EXPECT_EQ(world.run(), held_and_chosen + " choose dial write_backend read_backend relay");
}

// The first one may be an administrator's; and whether a backend is full, it knows best.
TEST(DialQueue, ALoginThatWasNotHeldNeedsNoRoom) {
  login_world world(
      {.client = {startup}, .attempts = {answering({authentication_ok})}, .full_for = seconds{60}});
  EXPECT_EQ(world.run(), "read_client choose dial write_backend read_backend relay");
}

// Whose sessions would only be refused, and take places there until they are.
TEST(DialQueue, ALoginThatWasNotHeldWaitsBehindThoseThatWere) {
  login_world world(
      {.client = {startup}, .attempts = {answering({authentication_ok})}, .full_for = seconds{60}});
  world.have_primary();
  world.say_free(0);
  permit_queue::place held = world.enter(0, true);
  until_queued(world);
  EXPECT_EQ(world.last.deadline, world.now + seconds{10});
  EXPECT_EQ(world.backends[0]->dials.count().waiting, 2U);
  held.leave();
  EXPECT_TRUE(world.is_woken) << "nobody waits for room any more, and it needs none";
  EXPECT_EQ(world.run(), "read_client choose choose dial write_backend read_backend relay");
}

TEST(DialQueue, WhoHasWaitedForSoLongBehindOthersAsksTheBackend) {
  login_world world(
      {.client = {startup}, .attempts = {answering({authentication_ok})}, .full_for = seconds{60}});
  world.have_primary();
  world.say_free(0);
  const permit_queue::place held = world.enter(0, true);
  const time_point begun_at = world.now;
  EXPECT_EQ(world.run(), "read_client choose choose dial write_backend read_backend relay");
  EXPECT_EQ(world.now, begun_at + seconds{10});
}

// Nor does one that the full backend itself has refused: it asks again ever more rarely, and keeps nobody
// waiting.
TEST(DialQueue, ALoginThatWasRefusedNeedsNoRoom) {
  login_world world({.client = {startup},
                     .attempts = {answering({error_of("53300")}), answering({authentication_ok})},
                     .full_for = seconds{60}});
  EXPECT_EQ(world.run(),
            "read_client choose dial write_backend read_backend drop choose look look choose "
            "dial write_backend read_backend relay");
}

// An estimate refuses nobody: what is counted as used may be a server's own parallel workers.
TEST(DialQueue, WhoHasWaitedForRoomForSoLongAsksTheBackend) {
  login_world world(held_for_a_full_primary({answering({authentication_ok})}));
  const time_point begun_at = world.now;
  EXPECT_EQ(world.run(), held_and_chosen + " choose dial write_backend read_backend relay");
  EXPECT_EQ(world.now, begun_at + seconds{10});
}

// Where many others dial by then, it has the time for that which anybody has, whatever is published
// meanwhile.
TEST(DialQueue, WhoHasWaitedForRoomForSoLongMayStillWaitForADial) {
  login_world world(held_for_a_full_primary({answering({authentication_ok})}));
  const time_point begun_at = world.now;
  const auto insists_until = begun_at + seconds{10} + world.options.login.connect_timeout;
  until_waiting_for_room(world);
  permit_queue::place taken = world.enter(0);
  ASSERT_TRUE(taken.insist());
  ASSERT_TRUE(world.let_time_pass());
  EXPECT_EQ(world.last.deadline, insists_until);
  world.inject(snapshot_changed{});
  ASSERT_TRUE(world.step());
  EXPECT_EQ(world.transcript, held_and_chosen + " choose");
  EXPECT_EQ(world.last.deadline, insists_until);
  taken.leave();
  EXPECT_TRUE(world.is_woken);
  EXPECT_EQ(world.run(), held_and_chosen + " choose choose dial write_backend read_backend relay");
}

TEST(DialQueue, WhoHasWaitedForRoomForSoLongWaitsForADialOnce) {
  login_world world(held_for_a_full_primary({}));
  const time_point begun_at = world.now;
  until_waiting_for_room(world);
  permit_queue::place taken = world.enter(0);
  ASSERT_TRUE(taken.insist());
  EXPECT_EQ(world.run(), held_and_chosen + " end");
  EXPECT_EQ(world.now, begun_at + seconds{10} + world.options.login.connect_timeout);
  EXPECT_EQ(world.machine->end().detail,
            "no usable backend after waiting 11 s: too many logins dial at once");
}

TEST(DialQueue, AFullBackendsOwnWordsEndTheWaitForRoom) {
  login_world world(held_for_a_full_primary({answering({error_of("53300")})}));
  EXPECT_EQ(world.run(),
            held_and_chosen + " choose dial write_backend read_backend drop choose look look end");
  EXPECT_EQ(world.reason(), close_reason::hold_timeout);
  EXPECT_EQ(as_text(world.machine->end().words), error_of("53300"));
  EXPECT_EQ(world.counters.hold_expired.value(), 1U);
}

TEST(DialQueue, ARefusalEndsTheRoomForOthersUntilTheNextAnswer) {
  login_world world({.client = {startup}, .attempts = {answering({error_of("53300")})}});
  world.options.limits.concurrent_dials_max = 9;
  world.have_primary();
  world.say_free(9);
  while (world.transcript.find("drop") == std::string::npos) go_on(world);
  EXPECT_FALSE(world.enter(0, true).is_granted());
  world.now += room_estimate::portion_time;
  world.say_free(9);
  EXPECT_TRUE(world.enter(0, true).is_granted());
}

// It restarts, say, and comes back with room for more.
TEST(DialQueue, WhoWaitsForRoomIsHeldWhereItsBackendFallsSilent) {
  login_world world(held_for_a_full_primary({}));
  until_waiting_for_room(world);
  world.have_no_primary();
  world.inject(snapshot_changed{});
  ASSERT_TRUE(world.step());
  ASSERT_TRUE(world.step());
  EXPECT_EQ(world.transcript, held_and_chosen + " choose look");
  EXPECT_EQ(world.backends[0]->dials.count().waiting, 0U);
  EXPECT_EQ(world.counters.held.value(), 1U);
}

}  // namespace
}  // namespace pgsteer::login::test
