// The rules that a login goes by: admission, retries, whether it may stay, what its backend's bytes mean.
#include <gtest/gtest.h>

#include "pgsteer/login/admission.hpp"
#include "pgsteer/login/retry_rules.hpp"
#include "pgsteer/login/stay_rules.hpp"
#include "unit/login/ways.hpp"

namespace pgsteer::login::test {
namespace {

using routing::no_backend;
using routing::target_session_attrs;

TEST(Admission, IsForAPlaceAmongTheSessionsAndAmongTheLogins) {
  permit_pools pools;
  runtime::limit_options limits;
  limits.sessions_max = 2;
  limits.pending_logins_max = 1;
  std::vector<permit> others;  // that are being refused
  while (others.size() + 1 < refusals_max) others.push_back(std::move(*pools.refusals.take(refusals_max)));
  admission first = admit(pools, limits);
  ASSERT_TRUE(std::holds_alternative<admitted>(first));
  const admission second = admit(pools, limits);
  ASSERT_TRUE(std::holds_alternative<refused>(second));
  EXPECT_EQ(std::get<refused>(second).reason, close_reason::too_many_logins);
  EXPECT_EQ(pools.sessions.used(), 1U) << "the refused one has no session";
  const admission third = admit(pools, limits);
  ASSERT_TRUE(std::holds_alternative<shut_out>(third));
  EXPECT_EQ(std::get<shut_out>(third).reason, close_reason::too_many_logins);
  std::get<admitted>(first).login.release();
  const admission fourth = admit(pools, limits);
  ASSERT_TRUE(std::holds_alternative<admitted>(fourth));
  const admission fifth = admit(pools, limits);
  ASSERT_TRUE(std::holds_alternative<shut_out>(fifth));
  EXPECT_EQ(std::get<shut_out>(fifth).reason, close_reason::too_many_sessions);
}

// A limit that is lowered ends no session, and lets nobody in until there are fewer.
TEST(Admission, GoesByTheLimitsOfTheMoment) {
  permit_pools pools;
  runtime::limit_options limits;
  admission first = admit(pools, limits);
  admission second = admit(pools, limits);
  limits.sessions_max = 1;
  EXPECT_FALSE(std::holds_alternative<admitted>(admit(pools, limits)));
  first = shut_out{};
  EXPECT_FALSE(std::holds_alternative<admitted>(admit(pools, limits)));
  second = shut_out{};
  EXPECT_TRUE(std::holds_alternative<admitted>(admit(pools, limits)));
}

TEST(RetryRules, SayWhoIsNotTriedAgainAndWhoIsDoubted) {
  const struct {
    attempt_end how;
    bool is_tried_again;
    bool is_doubted;
  } table[] = {{attempt_end::failed, false, true},
               {attempt_end::refused, false, true},
               {attempt_end::full, false, false},
               {attempt_end::cut, true, false},
               {attempt_end::local_trouble, true, false}};
  for (const auto& row : table) {
    retry_rules rules(seconds{10});
    EXPECT_EQ(rules.failed({1}, row.how).has_value(), row.is_doubted);
    EXPECT_EQ(rules.tried().empty(), row.is_tried_again);
    rules.another_round();
    EXPECT_TRUE(rules.tried().empty());
  }
}

TEST(RetryRules, AskABackendThatRefusedEverMoreRarely) {
  retry_rules rules(seconds{10});
  time_point now{};
  const time_point deadline = now + seconds{10};
  for (const int pause_ms : {50, 100, 200, 400, 800, 1000, 1000}) {
    const auto [until, wish] = rules.none_left(no_backend::all_tried, now);
    EXPECT_EQ(until, now + milliseconds{pause_ms});
    EXPECT_EQ(wish, hold_line::wish::a_change);
    EXPECT_FALSE(rules.give_up(until));
    now = until;
  }
  EXPECT_EQ(rules.none_left(no_backend::all_tried, deadline - milliseconds{1}).until, deadline);
  EXPECT_TRUE(rules.give_up(deadline));
}

TEST(RetryRules, HoldUntilOneDeadlineForAllReasons) {
  retry_rules rules(milliseconds{1500});
  const time_point begun_at{seconds{5}};
  EXPECT_FALSE(rules.give_up(begun_at + seconds{60})) << "it has not had to wait yet";
  EXPECT_EQ(rules.dial_by(begun_at, seconds{1}), begun_at + milliseconds{1500});
  const auto first = rules.none_left(no_backend::no_primary, begun_at + milliseconds{300});
  EXPECT_EQ(first.until, begun_at + milliseconds{1500});
  EXPECT_EQ(first.wish, hold_line::wish::a_backend);
  const time_point later = begun_at + milliseconds{600};
  EXPECT_EQ(rules.none_left(no_backend::ambiguous, later).until, first.until);
  EXPECT_EQ(rules.sit_out(later), later + milliseconds{100});
  EXPECT_EQ(rules.sit_out(first.until - milliseconds{1}), first.until);
  (void)rules.none_left(no_backend::all_tried, later);
  EXPECT_EQ(rules.why_held(),
            "no usable backend after waiting 1500 ms: two backends claim to be primary on the same timeline")
      << "that all were tried is no reason of its own";
}

// A login that has been held for nearly all of it has its turn still.
TEST(RetryRules, ALoginMayQueueForADialAlsoIfItHasBeenHeld) {
  retry_rules rules(seconds{10});
  const time_point begun_at{seconds{5}};
  (void)rules.none_left(no_backend::no_primary, begun_at);
  const time_point released_at = begun_at + milliseconds{9'900};
  EXPECT_EQ(rules.dial_by(released_at, seconds{1}), released_at + seconds{1});
  EXPECT_EQ(rules.dial_by(released_at + milliseconds{500}, seconds{1}), released_at + seconds{1})
      << "in whatever queue";
  EXPECT_EQ(rules.why_not_dialed(), "no usable backend after waiting 10900 ms: too many logins dial at once");
}

// It is not to be held, but there is a backend, and others only came first.
TEST(RetryRules, ALoginMayQueueForADialAlsoIfItIsNotHeld) {
  retry_rules rules(duration::zero());
  const time_point begun_at{seconds{5}};
  EXPECT_EQ(rules.dial_by(begun_at, seconds{1}), begun_at + seconds{1});
  EXPECT_EQ(rules.dial_by(begun_at + milliseconds{300}, seconds{1}), begun_at + seconds{1});
  EXPECT_TRUE(rules.give_up(begun_at));
  EXPECT_EQ(rules.why_not_dialed(), "no usable backend after waiting 1 s: too many logins dial at once");
}

runtime::state state_of(std::vector<topology::backend_status> backends) {
  using topology::topology_snapshot;
  runtime::state made;
  made.topology.snapshot =
      std::make_shared<const topology_snapshot>(routing::testing::snapshot_of(std::move(backends)));
  return made;
}

// May a login go on, when its backend is as its last snapshot says?
TEST(StayRules, ALoginGoesOnWhereItsBackendMayHaveIt) {
  using namespace routing::testing;
  const auto rw = target_session_attrs::read_write;
  const auto any = target_session_attrs::any;
  topology::backend_status silent = primary(1);
  silent.is_rw_eligible = silent.is_answering = false;
  topology::backend_status fenced = primary(1);
  fenced.sessions = topology::session_verdict::close_all;
  topology::backend_status disabled = primary(1);
  disabled.is_rw_eligible = false;
  disabled.order = topology::operator_order{};
  topology::backend_status drained = standby(1);
  drained.is_ro_eligible = false;
  drained.order = {topology::operator_order::kind::drain};
  const struct {
    std::string_view name;
    topology::backend_status status;
    target_session_attrs route;
    bool when_prompt;
    bool when_slow;
  } table[] = {
      {"the primary", primary(1), rw, true, true},
      {"a primary that missed a probe", silent, rw, true, false},
      {"a demoted primary", standby(1), rw, false, false},
      {"a fenced backend", fenced, rw, false, false},
      {"a fenced backend, whatever the role", fenced, any, false, false},
      {"a standby, whatever the role", standby(1), any, true, true},
      {"a backend that missed a probe, whatever the role", silent, any, true, false},
      {"a primary that the operator has disabled", disabled, rw, true, false},
      {"a backend that the operator has drained", drained, any, true, false},
  };
  for (const auto& row : table) {
    SCOPED_TRACE(row.name);
    const runtime::state present = state_of({row.status});
    EXPECT_EQ(may_go_on(present, {1}, row.route, false, now), row.when_prompt);
    EXPECT_EQ(may_go_on(present, {1}, row.route, true, now), row.when_slow);
  }
  runtime::state proven = state_of({primary(1)});
  const time_point stale = *proven.topology.snapshot->rw_valid_until + milliseconds{1};
  EXPECT_FALSE(may_go_on(proven, {1}, rw, true, stale)) << "nothing is sent by knowledge that is too old";
  EXPECT_TRUE(may_go_on(proven, {1}, any, true, stale));
  EXPECT_FALSE(may_go_on(proven, {2}, any, false, now)) << "a backend that is no longer known";
  proven.is_rw_closed = true;
  EXPECT_FALSE(may_go_on(proven, {1}, rw, true, now)) << "another worker may use the primary before";
  EXPECT_TRUE(may_go_on(proven, {1}, any, true, now));
}

TEST(StayRules, ASessionLeavesByProofAlone) {
  using namespace routing::testing;
  topology::backend_status fenced = primary(1);
  fenced.sessions = topology::session_verdict::close_all;
  fenced.reason.what = topology::verdict_reason::kind::silent_too_long;
  const auto why = [](const topology::backend_status& status, target_session_attrs route) {
    const auto left = must_leave(state_of({status}), {1}, route);
    return left ? std::optional(left->reason) : std::nullopt;
  };
  EXPECT_EQ(why(primary(1), target_session_attrs::primary), std::nullopt);
  EXPECT_EQ(why(standby(1), target_session_attrs::primary), close_reason::lost_role);
  EXPECT_EQ(why(standby(1), target_session_attrs::prefer_standby), std::nullopt);
  EXPECT_EQ(why(fenced, target_session_attrs::any), close_reason::fenced);
  EXPECT_EQ(must_leave(state_of({fenced}), {1}, target_session_attrs::any)->detail,
            "terminating connection due to failover: silent for longer than dead_after");
  EXPECT_EQ(why(primary(2), target_session_attrs::primary), close_reason::fenced) << "no longer known";
}

// Its backend waits for it; but what must end at once does not wait.
TEST(StayRules, ASessionLeavesABackendThatShutsDownWhenItIsIdle) {
  using namespace routing::testing;
  const auto left = [](topology::backend_status status, target_session_attrs route) {
    status.close_when_idle = true;
    const auto removal = must_leave(state_of({status}), {1}, route);
    return removal ? std::optional(std::pair(removal->reason, removal->when_quiet_for)) : std::nullopt;
  };
  const auto at_once = [](close_reason why) { return std::pair(why, std::optional<duration>()); };
  const std::pair when_idle{close_reason::backend_shutting_down, std::optional<duration>(seconds{1})};
  EXPECT_EQ(left(primary(1), target_session_attrs::primary), when_idle);
  EXPECT_EQ(left(standby(1), target_session_attrs::prefer_standby), when_idle);
  EXPECT_EQ(left(standby(1), target_session_attrs::primary), at_once(close_reason::lost_role));
  topology::backend_status fenced = primary(1);
  fenced.sessions = topology::session_verdict::close_all;
  EXPECT_EQ(left(fenced, target_session_attrs::any), at_once(close_reason::fenced));
}

// By the operator's order; who shuts down at once or has lost its role is left for that.
TEST(StayRules, ASessionLeavesADrainedBackendWhenItIsIdle) {
  using namespace routing::testing;
  using order_kind = topology::operator_order::kind;
  const auto left = [](topology::backend_status status, order_kind what, target_session_attrs route) {
    status.order = {what};
    const auto removal = must_leave(state_of({status}), {1}, route);
    return removal ? std::optional(std::pair(removal->reason, removal->when_quiet_for)) : std::nullopt;
  };
  const std::optional<duration> quiet = seconds{1};
  const auto rw = target_session_attrs::primary;
  const auto ro = target_session_attrs::prefer_standby;
  topology::backend_status stopping = standby(1);
  stopping.close_when_idle = true;
  EXPECT_EQ(left(primary(1), order_kind::drain, rw), std::pair(close_reason::backend_drained, quiet));
  EXPECT_EQ(left(standby(1), order_kind::drain, ro), std::pair(close_reason::backend_drained, quiet));
  EXPECT_EQ(left(stopping, order_kind::drain, ro), std::pair(close_reason::backend_shutting_down, quiet));
  EXPECT_EQ(left(standby(1), order_kind::drain, rw),
            std::pair(close_reason::lost_role, std::optional<duration>()));
  EXPECT_EQ(left(primary(1), order_kind::disable, rw), std::nullopt);
  EXPECT_EQ(left(standby(1), order_kind::disable, ro), std::nullopt);
}

// It will not wait for anybody.
TEST(StayRules, AnEncryptedSessionPausesForLessWhereItsBackendIsStoppedSoon) {
  using namespace routing::testing;
  topology::backend_status stopped = primary(1);
  stopped.close_when_idle = stopped.ends_them_soon = true;
  runtime::state present = state_of({stopped});
  for (const auto& [idle_time, expected] :
       {std::pair{milliseconds{1'000}, milliseconds{20}}, {milliseconds{10}, milliseconds{10}}}) {
    runtime::options options;
    options.encrypted_idle_time = idle_time;
    present.options = std::make_shared<const runtime::options>(options);
    EXPECT_EQ(must_leave(present, {1}, target_session_attrs::primary)->when_quiet_for, expected);
  }
}

TEST(StayRules, ACancelOfAnUnknownKeyGoesWhereItsSessionMayBe) {
  using namespace routing::testing;
  topology::backend_status a = primary(1), b = standby(2), c = standby(3), d = standby(4);
  a.address.host = "a";
  b.address.host = "b";
  c.address.host = "c";
  d.address.host = "d";
  c.is_answering = false;
  d.sessions = topology::session_verdict::close_all;
  const auto snapshot = snapshot_of({a, b, c, d});
  const auto hosts = [&](target_session_attrs route) {
    std::string names;
    for (const endpoint& each : cancel_candidates(snapshot, route)) names += each.host;
    return names;
  };
  EXPECT_EQ(hosts(target_session_attrs::read_write), "a");
  EXPECT_EQ(hosts(target_session_attrs::standby), "ab");
}

// What the backend says while it logs the client in.
class Watched : public testing::Test {
 protected:
  Watched() { world_.run(); }
  watched watch(const std::string& bytes) { return world_.machine->watch(as_bytes(bytes)); }
  login_world world_{{.client = {startup}, .attempts = {answering({authentication_ok})}}};
};

TEST_F(Watched, ReadyForQueryEndsTheLogin) {
  EXPECT_EQ(watch(authentication_ok).what, watched::verdict::passing_on);
  EXPECT_EQ(watch(wire::message('K', wire::int32(7) + wire::int32(8))).what, watched::verdict::passing_on);
  EXPECT_EQ(world_.permits.pending_logins.used(), 1U);
  EXPECT_EQ(watch(wire::message('Z', "I")).what, watched::verdict::logged_in);
  EXPECT_EQ(world_.permits.pending_logins.used(), 0U) << "it is no pending login any more";
  EXPECT_TRUE(world_.machine->key());
  ASSERT_TRUE(world_.let_time_pass());
  EXPECT_FALSE(world_.is_over()) << "login_timeout is for others";
}

TEST_F(Watched, ARefusedLoginIsAHintIfItsSqlstateSuggestsAChange) {
  for (const auto& [sqlstate, is_hint] :
       {std::pair("28P01", false), std::pair("57P01", true), std::pair("57P02", true),
        std::pair("57P03", true), std::pair("25006", true)}) {
    login_world world({.client = {startup}, .attempts = {answering({authentication_ok})}});
    world.run();
    const watched seen = world.machine->watch(as_bytes(error_of(sqlstate)));
    EXPECT_EQ(seen.what, watched::verdict::failed);
    EXPECT_EQ(seen.end, close_reason::login_failed);
    EXPECT_EQ(seen.hint.has_value(), is_hint) << sqlstate;
  }
}

TEST_F(Watched, AnRwLoginAtAServerInHotStandbyIsRefused) {
  EXPECT_EQ(watch(authentication_ok).what, watched::verdict::passing_on);
  const watched seen = watch(wire::parameter_status("in_hot_standby", "on"));
  EXPECT_EQ(seen.what, watched::verdict::refused);
  EXPECT_EQ(seen.end, close_reason::stale_primary);
  EXPECT_TRUE(seen.may_speak);
  EXPECT_TRUE(seen.hint);
  EXPECT_EQ(world_.counters.stale_refused.value(), 1U);
}

TEST_F(Watched, NoMessageOfOursFitsIntoTheMiddleOfOne) {
  const std::string message = authentication_ok + wire::parameter_status("in_hot_standby", "on");
  EXPECT_EQ(watch(message.substr(0, 15)).what, watched::verdict::passing_on);
  EXPECT_FALSE(watch(message.substr(15)).may_speak);
}

TEST_F(Watched, WhatIsNoMessageEndsTheSession) {
  const watched seen = watch(std::string(8, '\0'));
  EXPECT_EQ(seen.what, watched::verdict::refused);
  EXPECT_EQ(seen.end, close_reason::backend_misbehaved);
  EXPECT_FALSE(seen.hint);
}

TEST_F(Watched, ALoginThatTakesTooLongEnds) {
  ASSERT_TRUE(world_.let_time_pass());
  EXPECT_TRUE(world_.is_over());
  EXPECT_EQ(world_.reason(), close_reason::login_timeout);
}

}  // namespace
}  // namespace pgsteer::login::test
