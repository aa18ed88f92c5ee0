// libpq's six target_session_attrs words against clusters in every state.
#include <gtest/gtest.h>

#include <array>

#include "unit/routing/snapshots.hpp"

namespace pgsteer::routing::testing {
namespace {

using attrs = target_session_attrs;
using topology::session_verdict;
using topology::topology_snapshot;

constexpr const char* no_primary = "no backend is proven primary";
constexpr const char* primary_silent = "the primary is known but takes no new sessions now";
constexpr const char* no_standby = "no standby is healthy";

topology_snapshot silent_primary() {
  auto status = primary(1);
  status.is_rw_eligible = status.is_answering = false;
  return snapshot_of({status, standby(2)});
}

topology::backend_status ordered(topology::backend_status status) {
  using enum topology::verdict_reason::kind;
  status.order = topology::operator_order{};
  status.reason.what = status.is_rw_eligible ? primary_ordered : standby_ordered;
  status.is_rw_eligible = status.is_ro_eligible = false;
  return status;
}

topology_snapshot two_primaries() {
  topology_snapshot snapshot = snapshot_of({backend(1), backend(2)});
  snapshot.is_ambiguous = true;
  return snapshot;
}

topology_snapshot intruder_beside_the_incumbent() {
  topology_snapshot snapshot = snapshot_of({backend(1), primary(2)});
  snapshot.backends.front().sessions = session_verdict::close_read_write;
  snapshot.is_ambiguous = true;
  return snapshot;
}

topology_snapshot unusable() {
  auto leaving = standby(1);
  leaving.is_ro_eligible = false;
  leaving.is_leaving = true;
  auto fenced = backend(2);
  fenced.sessions = session_verdict::close_all;
  auto silent = backend(3);
  silent.is_answering = false;
  return snapshot_of({leaving, fenced, silent});
}

TEST(Route, PicksByRoleOrSaysWhyNot) {
  struct row {
    const char* name;
    topology_snapshot snapshot;
    // In the order any, read-write, read-only, primary, standby, prefer-standby.
    std::array<const char*, 6> expected;
  };
  const char* const none = "discovery has found no backend";
  const char* const silent = "no backend answers";
  const char* const both = "two backends claim to be primary on the same timeline";
  const char* const primary_ordered = "the primary takes no new sessions by the operator's order";
  const char* const standbys_ordered = "every healthy standby takes no new sessions by the operator's order";
  const char* const all_ordered = "every backend that answers takes no new sessions by the operator's order";
  const row rows[] = {
      {"Nothing", snapshot_of({}), {none, none, none, none, none, none}},
      {"PrimaryAndStandby", snapshot_of({primary(1), standby(2)}), {"a", "a", "b", "a", "b", "b"}},
      {"PrimaryAlone", snapshot_of({primary(1)}), {"a", "a", no_standby, "a", no_standby, "a"}},
      {"StandbyAlone", snapshot_of({standby(1)}), {"a", no_primary, "a", no_primary, "a", "a"}},
      {"SilentPrimary", silent_primary(), {"b", primary_silent, "b", primary_silent, "b", "b"}},
      {"TwoPrimaries", two_primaries(), {"a", both, no_standby, both, no_standby, no_standby}},
      {"Intruder", intruder_beside_the_incumbent(), {"a", "b", no_standby, "b", no_standby, "b"}},
      {"RoleNotKnown",
       snapshot_of({backend(1)}),
       {"a", no_primary, no_standby, no_primary, no_standby, no_standby}},
      {"PrimaryOrdered",
       snapshot_of({ordered(primary(1)), standby(2)}),
       {"b", primary_ordered, "b", primary_ordered, "b", "b"}},
      {"StandbyOrdered",
       snapshot_of({primary(1), ordered(standby(2))}),
       {"a", "a", standbys_ordered, "a", standbys_ordered, "a"}},
      {"OneStandbyOrdered",
       snapshot_of({primary(1), ordered(standby(2)), standby(3)}),
       {"a", "a", "c", "a", "c", "c"}},
      {"AllOrdered",
       snapshot_of({ordered(primary(1)), ordered(standby(2))}),
       {all_ordered, primary_ordered, standbys_ordered, primary_ordered, standbys_ordered, standbys_ordered}},
      {"LeavingFencedSilent",
       unusable(),
       {silent, no_primary, no_standby, no_primary, no_standby, no_standby}},
  };
  for (const row& row : rows) {
    SCOPED_TRACE(row.name);
    std::size_t column = 0;
    for (const auto route : {attrs::any, attrs::read_write, attrs::read_only, attrs::primary, attrs::standby,
                             attrs::prefer_standby}) {
      SCOPED_TRACE(to_string(route));
      EXPECT_EQ((logins{row.snapshot, policy_of(route)}.answer()), row.expected[column++]);
    }
  }
}

// The process was paused or probes stopped: the snapshot's word on the primary has an end.
TEST(Route, PrimaryIsTakenForGrantedUntilTheSnapshotSays) {
  for (const auto route : {attrs::read_write, attrs::primary, attrs::prefer_standby}) {
    SCOPED_TRACE(to_string(route));
    logins asked{snapshot_of({primary(1)}), policy_of(route)};
    asked.at = *asked.snapshot.rw_valid_until;
    EXPECT_EQ(asked.answer(), "a");
    asked.at += duration{1};
    EXPECT_EQ(asked.answer(), route == attrs::prefer_standby ? no_standby : primary_silent);
  }
  logins asked{snapshot_of({primary(1)}), policy_of(attrs::any)};
  asked.at += std::chrono::hours{1};
  EXPECT_EQ(asked.answer(), "a");
}

TEST(Route, TriedBackendsAreNotChosenAgain) {
  const topology_snapshot snapshot = snapshot_of({primary(1), standby(2), standby(3)});
  struct row {
    target_session_attrs route;
    std::vector<topology::backend_id> tried;
    const char* expected;
  };
  const char* const all_tried = "every eligible backend was tried and failed";
  const row rows[] = {
      {attrs::read_write, {{1}}, all_tried},
      {attrs::read_write, {{2}}, "a"},
      {attrs::standby, {{2}}, "c"},
      {attrs::standby, {{2}, {3}}, all_tried},
      {attrs::prefer_standby, {{2}, {3}}, "a"},
      {attrs::prefer_standby, {{3}, {2}, {1}}, all_tried},
      {attrs::prefer_standby, {{1}, {2}}, "c"},
      {attrs::any, {{1}, {2}}, "c"},
      {attrs::any, {{1}, {2}, {3}}, all_tried},
  };
  for (const row& row : rows) {
    SCOPED_TRACE(std::string(to_string(row.route)) + " " + row.expected);
    logins asked{snapshot, policy_of(row.route)};
    asked.tried = row.tried;
    EXPECT_EQ(asked.answer(), row.expected);
  }
}

TEST(Route, LagBoundsHoldForStandbys) {
  const std::string lag = "every standby lags too far behind";
  struct row {
    const char* name;
    std::optional<std::uint64_t> bytes;
    std::optional<milliseconds> delay;
    topology::backend_status standby;
    bool is_chosen;
  };
  const row rows[] = {
      {"NoBound", {}, {}, standby(2, 1'000'000, {}), true},
      {"AtTheByteBound", 100, {}, standby(2, 100), true},
      {"OverTheByteBound", 100, {}, standby(2, 101), false},
      {"AtTheTimeBound", {}, milliseconds{50}, standby(2, 0, milliseconds{50}), true},
      {"OverTheTimeBound", {}, milliseconds{50}, standby(2, 0, milliseconds{51}), false},
      {"BothMustHold", 100, milliseconds{50}, standby(2, 99, milliseconds{51}), false},
      {"UnknownDelayWithLag", {}, milliseconds{50}, standby(2, 1, {}), false},
      {"UnknownDelayCaughtUp", {}, milliseconds{50}, standby(2, 0, {}), true},
  };
  for (const row& row : rows) {
    SCOPED_TRACE(row.name);
    route_policy policy = policy_of(attrs::read_only);
    policy.replay_lag_bytes_max = row.bytes;
    policy.replay_delay_max = row.delay;
    EXPECT_EQ((logins{snapshot_of({primary(1), row.standby}), policy}.answer()), row.is_chosen ? "b" : lag);
    policy.route = attrs::prefer_standby;
    EXPECT_EQ((logins{snapshot_of({primary(1), row.standby}), policy}.answer()), row.is_chosen ? "b" : "a");
    EXPECT_EQ((logins{snapshot_of({row.standby}), policy}.answer()), row.is_chosen ? "b" : lag);
    policy.route = attrs::any;
    EXPECT_EQ((logins{snapshot_of({row.standby}), policy}.answer()), "b");
  }
}

TEST(Words, OfRoutesAndBalances) {
  EXPECT_EQ(to_string(attrs::prefer_standby), "prefer-standby");
  EXPECT_EQ(to_string(balance::round_robin), "round-robin");
  EXPECT_EQ(to_string(balance::least_sessions), "least-sessions");
  EXPECT_TRUE(needs_primary(attrs::read_write));
  EXPECT_TRUE(needs_primary(attrs::primary));
  EXPECT_FALSE(needs_primary(attrs::any));
  EXPECT_FALSE(needs_primary(attrs::prefer_standby));
}

// Discovery's word: it keeps sessions from a standby, and moves no rw.
TEST(Route, AWithheldBackendIsUsedAsThePrimaryOnly) {
  topology::backend_status fenced = backend(2);
  fenced.role = topology::role::standby;
  fenced.is_withheld = true;
  topology::backend_status used = primary(1);
  used.is_withheld = true;
  logins any{snapshot_of({used, fenced}), policy_of(target_session_attrs::any)};
  for (std::uint64_t ticket = 0; ticket < 4; ++ticket)
    EXPECT_EQ(any.choose(ticket).backend->name.text(), "a");
  logins rw{snapshot_of({used, fenced}), policy_of(target_session_attrs::primary)};
  EXPECT_EQ(rw.choose(0).backend->name.text(), "a");
}

}  // namespace
}  // namespace pgsteer::routing::testing
