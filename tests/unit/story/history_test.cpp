// What is remembered of failovers that a story was told.
#include "pgsteer/story/history.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "pgsteer/story/failover_story.hpp"

namespace pgsteer::story {
namespace {

using topology::role;

// Two backends: 1 is the primary on timeline 1 at first.
class History : public testing::Test {
 protected:
  History() {
    story_.count_logins = [this] { return logins_; };
    story_.await_login = [](topology::backend_id) {};
    story_.wall_clock = [this] { return wall_time{} + std::chrono::duration_cast<milliseconds>(elapsed_); };
    be(1, role::primary, 1);
    be(2, role::standby, 1);
    decide(1);
  }

  void be(std::uint32_t id, role now, std::uint32_t timeline) {
    topology::backend_status& of = snapshot_.backends.at(id - 1);
    of.id = {id};
    of.name = "pg-" + std::to_string(id) + ":5432";
    of.address = {"10.0.0." + std::to_string(id), 5432};
    of.role = now;
    of.timeline = {timeline};
  }
  // The primary in use is this one, or none.
  void decide(std::uint32_t primary, bool is_settling = false) {
    snapshot_.primary.reset();
    snapshot_.rw_valid_until.reset();
    snapshot_.is_settling = is_settling;
    if (primary != 0) snapshot_.primary = topology::backend_id{primary};
    if (primary != 0 && !is_settling) snapshot_.rw_valid_until = time_point::max();
    runtime::used_topology published{std::make_shared<const topology::topology_snapshot>(snapshot_), uses_};
    story_.note_decision(published, now());
  }
  [[nodiscard]] time_point now() const { return time_point{} + seconds{1'000} + elapsed_; }
  void wait(milliseconds span) { elapsed_ += span; }
  void fail_over() {
    decide(0);
    wait(milliseconds{300});
    be(2, role::primary, 2);
    decide(2);
  }
  [[nodiscard]] const failover& newest() const { return story_.history().failovers().back(); }
  [[nodiscard]] std::size_t count() const { return story_.history().failovers().size(); }

  topology::topology_snapshot snapshot_ = [] {
    topology::topology_snapshot made;
    made.backends.resize(2);
    return made;
  }();
  std::vector<runtime::backend_use_ptr> uses_{std::make_shared<runtime::backend_use>(),
                                              std::make_shared<runtime::backend_use>()};
  duration elapsed_{};
  login_totals logins_{.held = 100, .released = 90, .expired = 10, .stale_refused = 1};
  failover_story story_;
};

TEST_F(History, IsEmptyUntilThePrimaryIsLost) {
  wait(seconds{1});
  decide(1);
  EXPECT_EQ(count(), 0U);
  EXPECT_EQ(story_.history().revision(), 0U);
}

TEST_F(History, TellsAFailoverPhaseByPhase) {
  uses_[0]->counters.sessions.set(12);
  wait(seconds{5});
  story_.note_symptom({1}, failover_story::origin::login_or_probe, "a probe is late", now());
  wait(milliseconds{40});
  be(1, role::unknown, 1);
  decide(0);
  EXPECT_EQ(newest().reached, failover::stage::lost);
  wait(milliseconds{200});
  be(2, role::primary, 2);
  decide(2, true);
  EXPECT_EQ(newest().reached, failover::stage::settling);
  wait(milliseconds{700});
  decide(2);
  EXPECT_EQ(newest().reached, failover::stage::proven);
  wait(milliseconds{10});
  story_.note_login(now());
  wait(milliseconds{90});
  uses_[0]->counters.sessions.set(0);
  story_.tick(now());

  ASSERT_EQ(count(), 1U);
  const failover& told = newest();
  EXPECT_EQ(told.reached, failover::stage::over);
  EXPECT_EQ(told.number, 1U);
  EXPECT_EQ(told.sign, "a probe is late");
  EXPECT_EQ(told.began_at_wall, wall_time{} + seconds{5});
  EXPECT_EQ(told.from.name, "pg-1:5432");
  EXPECT_EQ(told.from.address, "10.0.0.1:5432");
  EXPECT_EQ(told.from.timeline.value, 1U);
  ASSERT_TRUE(told.to);
  EXPECT_EQ(told.to->address, "10.0.0.2:5432");
  EXPECT_EQ(told.to->timeline.value, 2U);
  EXPECT_EQ(told.sessions, 12U);
  EXPECT_EQ(told.lost_at - told.began_at, milliseconds{40});
  EXPECT_EQ(told.proven_at, told.lost_at + milliseconds{200});
  EXPECT_EQ(told.settled_at, *told.proven_at + milliseconds{700});
  EXPECT_EQ(told.login_at, *told.settled_at + milliseconds{10});
  EXPECT_EQ(told.emptied_at, *told.login_at + milliseconds{90});
}

// Most of them are released after the first login, which ends the failover; none that is held later is its
// doing.
TEST_F(History, CountsItsLoginsUntilEachOfThemHasEnded) {
  decide(0);
  wait(milliseconds{100});
  logins_.held += 5;
  logins_.expired += 1;
  story_.tick(now());
  fail_over();
  logins_.released += 1;
  logins_.stale_refused += 2;
  story_.note_login(now());
  EXPECT_EQ(newest().logins, (login_totals{.held = 5, .released = 1, .expired = 1, .stale_refused = 2}));
  logins_.released += 2;
  logins_.held += 7;
  story_.tick(now());
  EXPECT_EQ(newest().logins.released, 3U);
  logins_.released += 1;
  story_.tick(now());
  const std::uint64_t revision = story_.history().revision();
  logins_.released += 7;
  story_.tick(now());
  EXPECT_EQ(newest().logins, (login_totals{.held = 5, .released = 4, .expired = 1, .stale_refused = 2}));
  EXPECT_EQ(story_.history().revision(), revision);
}

// Clients that left while they were held are never accounted for.
TEST_F(History, StopsCountingLoginsOfWhichNothingIsHeard) {
  decide(0);
  logins_.held += 2;
  fail_over();
  story_.note_login(now());
  wait(seconds{31});
  story_.tick(now());
  logins_.released += 2;
  story_.tick(now());
  EXPECT_EQ(newest().logins.held, 2U);
  EXPECT_EQ(newest().logins.released, 0U);
}

TEST_F(History, SaysThatTheSamePrimaryCameBack) {
  decide(0);
  logins_.held += 3;
  wait(milliseconds{800});
  decide(1);
  EXPECT_EQ(newest().reached, failover::stage::same_primary);
  EXPECT_EQ(newest().returned_at, newest().lost_at + milliseconds{800});
  EXPECT_EQ(newest().logins.held, 3U);
  EXPECT_FALSE(newest().to);
  decide(1);
  decide(0);
  EXPECT_EQ(count(), 2U);
}

TEST_F(History, SaysThatASuccessorWasLostBeforeItsFirstLogin) {
  fail_over();
  wait(milliseconds{50});
  decide(0);
  ASSERT_EQ(count(), 2U);
  EXPECT_EQ(story_.history().failovers().front().reached, failover::stage::cut_short);
  EXPECT_EQ(newest().from.address, "10.0.0.2:5432");
  EXPECT_EQ(newest().from.timeline.value, 2U);
}

TEST_F(History, ForgetsTheOldestFailover) {
  for (std::size_t i = 0; i < failovers_max + 3; ++i) {
    decide(0);
    decide(1);
  }
  EXPECT_EQ(count(), failovers_max);
  EXPECT_EQ(newest().number, failovers_max + 3);
  EXPECT_EQ(story_.history().failovers().front().number, 4U);
}

TEST_F(History, NotesAChangeOfRoleAndNotThatItWasUnknownForAWhile) {
  EXPECT_TRUE(story_.history().role_changes().empty()) << "what a backend is found to be is no change";
  wait(seconds{2});
  be(1, role::unknown, 1);
  fail_over();
  wait(seconds{7});
  be(1, role::standby, 2);
  decide(2);
  be(1, role::unknown, 2);
  decide(2);
  be(1, role::standby, 2);
  decide(2);
  const auto& told = story_.history().role_changes();
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].address, "10.0.0.2:5432");
  EXPECT_EQ(told[0].from, role::standby);
  EXPECT_EQ(told[0].to, role::primary);
  EXPECT_EQ(told[0].timeline.value, 2U);
  EXPECT_EQ(told[0].at, wall_time{} + milliseconds{2'300});
  EXPECT_EQ(told[1].name, "pg-1:5432");
  EXPECT_EQ(told[1].from, role::primary);
  EXPECT_EQ(told[1].to, role::standby);
}

TEST_F(History, ForgetsTheOldestChangeOfRole) {
  for (std::size_t i = 0; i < role_changes_max; ++i) {
    be(2, i % 2 == 0 ? role::primary : role::standby, static_cast<std::uint32_t>(i + 2));
    decide(1);
  }
  be(1, role::standby, 99);
  decide(0);
  EXPECT_EQ(story_.history().role_changes().size(), role_changes_max);
  EXPECT_EQ(story_.history().role_changes().front().timeline.value, 3U);
  EXPECT_EQ(story_.history().role_changes().back().timeline.value, 99U);
}

}  // namespace
}  // namespace pgsteer::story
