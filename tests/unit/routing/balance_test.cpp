// How logins spread over several eligible backends: exactly, and without a neighbour inheriting a failed
// backend's share.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "unit/routing/snapshots.hpp"

namespace pgsteer::routing::testing {
namespace {

using topology::backend_id;

logins over_standbys(std::uint32_t count, balance how = balance::round_robin) {
  std::vector<topology::backend_status> backends{primary(1)};
  for (std::uint32_t id = 2; id < 2 + count; ++id) backends.push_back(standby(id));
  return {snapshot_of(std::move(backends)), policy_of(target_session_attrs::standby, how)};
}

// The backend a login ends on when those in `failing` refuse every dial, as session redispatches it.
std::string reach(logins asked, std::uint64_t ticket, const std::vector<backend_id>& failing) {
  for (;;) {
    const choice chosen = asked.choose(ticket);
    if (chosen.backend == nullptr) return "none";
    if (std::ranges::find(failing, chosen.backend->id) == failing.end()) return chosen.backend->name.text();
    asked.tried.push_back(chosen.backend->id);
  }
}

std::map<std::string, int> shares(const logins& asked, std::uint64_t first, int count,
                                  const std::vector<backend_id>& failing = {}) {
  std::map<std::string, int> share;
  for (int login = 0; login < count; ++login) {
    ++share[reach(asked, first + static_cast<std::uint64_t>(login), failing)];
  }
  return share;
}

TEST(RoundRobin, IsExact) {
  using shares_map = std::map<std::string, int>;
  EXPECT_EQ(shares(over_standbys(2), 0, 200), (shares_map{{"b", 100}, {"c", 100}}));
  EXPECT_EQ(shares(over_standbys(2), 12345, 200), (shares_map{{"b", 100}, {"c", 100}}));
  EXPECT_EQ(shares(over_standbys(3), 7, 300), (shares_map{{"b", 100}, {"c", 100}, {"d", 100}}));
  EXPECT_EQ(shares(over_standbys(1), 0, 10), (shares_map{{"b", 10}}));
}

// It says so itself; the others have room. If all are, or those that are not have failed, the server decides.
TEST(Balance, PassesOverWhoHasNoConnectionFree) {
  using shares_map = std::map<std::string, int>;
  for (const balance how : {balance::round_robin, balance::least_sessions}) {
    logins asked = over_standbys(3, how);
    asked.snapshot.backends[1].connections_free = 0;
    asked.snapshot.backends[2].connections_free = 7;
    EXPECT_EQ(shares(asked, 0, 200), (shares_map{{"c", 100}, {"d", 100}}));
    EXPECT_EQ(shares(asked, 0, 100, {{3}, {4}}), (shares_map{{"b", 100}}));
    asked.snapshot.backends[2].own_sessions = 3;
    asked.sessions = {0, 0, 9, 9};
    EXPECT_EQ(shares(asked, 0, 200), (shares_map{{"c", 100}, {"d", 100}})) << "one of seven is left";
    asked.sessions = {0, 10, 10, 10};
    EXPECT_EQ(shares(asked, 0, 200), (shares_map{{"d", 200}})) << "ours have taken them since it answered";
    asked.sessions.clear();
    asked.snapshot.backends[2].own_sessions = 0;
    for (std::size_t i = 1; i <= 3; ++i) asked.snapshot.backends[i].connections_free = 0;
    EXPECT_EQ(shares(asked, 0, 300), (shares_map{{"b", 100}, {"c", 100}, {"d", 100}}));
  }
  logins to_primary{snapshot_of({primary(1), standby(2)}), policy_of(target_session_attrs::primary)};
  to_primary.snapshot.backends[0].connections_free = 0;
  EXPECT_EQ(shares(to_primary, 0, 10), (shares_map{{"a", 10}}));
}

TEST(RoundRobin, ShareOfFailedBackendsIsSpreadEvenly) {
  using shares_map = std::map<std::string, int>;
  EXPECT_EQ(shares(over_standbys(3), 0, 600, {{2}}), (shares_map{{"c", 300}, {"d", 300}}));
  EXPECT_EQ(shares(over_standbys(4), 0, 1200, {{3}}), (shares_map{{"b", 400}, {"d", 400}, {"e", 400}}));
  EXPECT_EQ(shares(over_standbys(4), 0, 1200, {{2}, {4}}), (shares_map{{"c", 600}, {"e", 600}}));
  EXPECT_EQ(shares(over_standbys(2), 0, 10, {{2}, {3}}), (shares_map{{"none", 10}}));
}

TEST(RoundRobin, IgnoresLoad) {
  logins asked = over_standbys(2);
  asked.sessions = {0, 1000, 0};
  EXPECT_EQ(shares(asked, 0, 10), (std::map<std::string, int>{{"b", 5}, {"c", 5}}));
}

TEST(RoundRobin, LastTicketsOfTheCounterWork) {
  EXPECT_EQ(over_standbys(2).answer(~std::uint64_t{0}), "c");
}

TEST(LeastSessions, PicksTheEmptiest) {
  logins asked = over_standbys(3, balance::least_sessions);
  asked.sessions = {0, 5, 3, 4};
  for (std::uint64_t ticket = 0; ticket < 6; ++ticket) EXPECT_EQ(asked.answer(ticket), "c");
  asked.tried = {{3}};
  EXPECT_EQ(asked.answer(), "d");
}

TEST(LeastSessions, TiesAreBrokenInTurn) {
  logins asked = over_standbys(3, balance::least_sessions);
  asked.sessions = {0, 2, 7, 2};
  EXPECT_EQ(shares(asked, 0, 100), (std::map<std::string, int>{{"b", 50}, {"d", 50}}));
}

TEST(LeastSessions, FiftyLongSessionsStandLevel) {
  logins asked = over_standbys(2, balance::least_sessions);
  asked.sessions = {0, 0, 0};
  for (std::uint64_t ticket = 0; ticket < 50; ++ticket) {
    const choice chosen = asked.choose(ticket);
    ASSERT_NE(chosen.backend, nullptr);
    ++asked.sessions[chosen.backend->id.value - 1];
  }
  EXPECT_EQ(asked.sessions, (std::vector<std::uint32_t>{0, 25, 25}));
}

TEST(LeastSessions, UncountedBackendsHaveNone) {
  logins asked = over_standbys(2, balance::least_sessions);
  asked.sessions = {0, 1};  // counted before the last backend was discovered
  EXPECT_EQ(asked.answer(), "c");
}

}  // namespace
}  // namespace pgsteer::routing::testing
