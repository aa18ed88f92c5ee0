// Standbys of pgsteer's own zone come first, up to a bound on how much fuller than the others they may be.
#include <gtest/gtest.h>

#include <map>

#include "unit/routing/snapshots.hpp"

namespace pgsteer::routing::testing {
namespace {

// A primary a, and standbys b, c, ... of which those named run in pgsteer's zone; nobody has a session.
logins with_near(const std::string& near, std::uint32_t standbys = 3, balance how = balance::round_robin) {
  std::vector<topology::backend_status> backends{primary(1)};
  for (std::uint32_t id = 2; id < 2 + standbys; ++id) backends.push_back(standby(id));
  for (topology::backend_status& each : backends)
    each.is_in_own_zone = near.find(each.name.text()) != std::string::npos;
  logins made{snapshot_of(std::move(backends)), policy_of(target_session_attrs::standby, how)};
  made.sessions.assign(made.snapshot.backends.size(), 0);
  return made;
}

// Who gets a hundred logins that are over at once.
std::map<std::string, int> shares_of(const logins& asked) {
  std::map<std::string, int> share;
  for (std::uint64_t ticket = 0; ticket < 100; ++ticket) ++share[asked.answer(ticket)];
  return share;
}
using by_name = std::map<std::string, int>;

// Sessions per backend after that many logins that stay.
std::vector<std::uint32_t> after(logins asked, std::uint64_t count) {
  for (std::uint64_t ticket = 0; ticket < count; ++ticket) {
    const choice chosen = asked.choose(ticket);
    if (chosen.backend != nullptr) ++asked.sessions[chosen.backend->id.value - 1];
  }
  return asked.sessions;
}
using counts = std::vector<std::uint32_t>;

TEST(Zones, TheOwnOneComesFirst) {
  for (const balance how : {balance::round_robin, balance::least_sessions}) {
    EXPECT_EQ(shares_of(with_near("c", 3, how)), (by_name{{"c", 100}}));
    EXPECT_EQ(shares_of(with_near("bd", 3, how)), (by_name{{"b", 50}, {"d", 50}}));
    EXPECT_EQ(shares_of(with_near("bc", 2, how)), (by_name{{"b", 50}, {"c", 50}}));
    EXPECT_EQ(shares_of(with_near("", 2, how)), (by_name{{"b", 50}, {"c", 50}})) << "nobody is near";
  }
}

TEST(Zones, APrimaryThereIsNoStandby) {
  EXPECT_EQ(shares_of(with_near("a", 2)), (by_name{{"b", 50}, {"c", 50}}));
  logins asked = with_near("b");
  asked.policy.route = target_session_attrs::primary;
  EXPECT_EQ(asked.answer(), "a");
  asked.policy.route = target_session_attrs::prefer_standby;
  EXPECT_EQ(asked.answer(), "b");
}

TEST(Zones, AnyTakesThePrimaryOfTheOwnOneToo) {
  logins asked = with_near("a", 2);
  asked.policy.route = target_session_attrs::any;
  EXPECT_EQ(shares_of(asked), (by_name{{"a", 100}}));
}

TEST(Zones, OthersTakeOverFromThoseThatAreGone) {
  logins asked = with_near("b");
  asked.snapshot.backends[1].is_ro_eligible = false;
  EXPECT_EQ(shares_of(asked), (by_name{{"c", 50}, {"d", 50}}));
  logins refused = with_near("b");
  refused.tried = {{2}};
  EXPECT_EQ(shares_of(refused), (by_name{{"c", 51}, {"d", 49}}));
  logins full = with_near("b");
  full.snapshot.backends[1].connections_free = 0;
  EXPECT_EQ(shares_of(full), (by_name{{"c", 50}, {"d", 50}}));
  logins lagging = with_near("b");
  lagging.policy.replay_lag_bytes_max = 10;
  lagging.snapshot.backends[1].replay_lag_bytes = 11;
  EXPECT_EQ(shares_of(lagging), (by_name{{"c", 50}, {"d", 50}}));
}

TEST(Zones, WithoutABoundTheOwnOneTakesAll) {
  logins asked = with_near("b", 2);
  asked.policy.zone_imbalance_max.reset();
  asked.sessions[1] = 1'000'000;
  EXPECT_EQ(shares_of(asked), (by_name{{"b", 100}}));
}

// Twice ten first, and from then on two to one. Those elsewhere share theirs.
TEST(Zones, TheOwnOneIsNotOverloaded) {
  EXPECT_EQ(after(with_near("b", 2), 21), (counts{0, 21, 0}));
  EXPECT_EQ(after(with_near("b", 2), 31), (counts{0, 21, 10}));
  EXPECT_EQ(after(with_near("b", 2), 300), (counts{0, 200, 100}));
  EXPECT_EQ(after(with_near("b", 3), 400), (counts{0, 200, 100, 100}));
  EXPECT_EQ(after(with_near("bc", 3), 500), (counts{0, 200, 200, 100}));
  logins evenly = with_near("b", 2);
  evenly.policy.zone_imbalance_max = 1;
  EXPECT_EQ(after(evenly, 200), (counts{0, 100, 100}));
}

// Other pgsteers' sessions load a server like ours.
TEST(Zones, TheServersCountCounts) {
  logins asked = with_near("b");
  asked.snapshot.backends[1].connections_used = 201;
  asked.snapshot.backends[2].connections_used = 100;
  asked.snapshot.backends[3].connections_used = 150;
  EXPECT_EQ(shares_of(asked), (by_name{{"c", 100}})) << "d is not so much emptier that it should help";
  asked.snapshot.backends[1].connections_used = 200;
  EXPECT_EQ(shares_of(asked), (by_name{{"b", 100}}));
}

// It is as old as its last answer; ours that came or went since are added and taken off.
TEST(Zones, OurSessionsSinceTheLastAnswerCountToo) {
  logins asked = with_near("b", 2);
  asked.snapshot.backends[1].connections_used = 150;
  asked.snapshot.backends[1].own_sessions = 75;
  asked.snapshot.backends[2].connections_used = 80;
  asked.sessions = {0, 75, 0};
  EXPECT_EQ(after(asked, 11), (counts{0, 86, 0})) << "161 there are more than 2 x 80";
  EXPECT_EQ(after(asked, 12), (counts{0, 86, 1}));
  asked.snapshot.backends[1].connections_used = 200;
  EXPECT_EQ(shares_of(asked), (by_name{{"c", 100}}));
  asked.sessions[1] = 35;
  EXPECT_EQ(shares_of(asked), (by_name{{"b", 100}}));
}

TEST(Zones, OneOfThemAloneMayBeOverloaded) {
  for (const balance how : {balance::round_robin, balance::least_sessions}) {
    logins asked = with_near("bc", 3, how);
    asked.sessions = {0, 21, 5, 0};
    EXPECT_EQ(shares_of(asked), (by_name{{"c", 100}}));
    asked.sessions = {0, 21, 25, 0};
    EXPECT_EQ(shares_of(asked), (by_name{{"d", 100}}));
  }
}

// The last places are taken by whoever comes: a place that is left is not free at once.
TEST(Zones, WhoHasLittleRoomIsSparedAsLongAsOthersHaveMore) {
  for (const balance how : {balance::round_robin, balance::least_sessions}) {
    logins asked = with_near("b", 3, how);
    for (std::size_t i = 1; i <= 3; ++i) {
      asked.snapshot.backends[i].max_connections = 60;
      asked.snapshot.backends[i].connections_free = 30;
    }
    EXPECT_EQ(shares_of(asked), (by_name{{"b", 100}}));
    asked.snapshot.backends[1].connections_free = 6;
    EXPECT_EQ(shares_of(asked), (by_name{{"c", 50}, {"d", 50}}));
    asked.snapshot.backends[1].connections_free = 10;
    asked.sessions[1] = 4;
    EXPECT_EQ(shares_of(asked), (by_name{{"c", 50}, {"d", 50}})) << "ours have come since it answered";
    asked.sessions[1] = 0;
    for (std::size_t i = 1; i <= 2; ++i) asked.snapshot.backends[i].connections_free = 1;
    asked.snapshot.backends[3].connections_free = 0;
    EXPECT_EQ(asked.answer(0), "b") << "little is more than nothing";
    EXPECT_EQ(asked.answer(1), "c");
  }
}

TEST(Zones, WhoIsFullElsewhereDoesNotCallForHelp) {
  logins asked = with_near("b", 2);
  asked.sessions[1] = 1000;
  asked.snapshot.backends[2].connections_free = 0;
  EXPECT_EQ(shares_of(asked), (by_name{{"b", 100}}));
  asked.tried = {{2}};
  EXPECT_EQ(shares_of(asked), (by_name{{"c", 100}})) << "the server decides";
}

}  // namespace
}  // namespace pgsteer::routing::testing
