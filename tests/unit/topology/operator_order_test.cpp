// The operator keeps new sessions from a backend: for a time, for good, and whatever becomes of it meanwhile.
#include "unit/topology/story_test.hpp"

namespace pgsteer::topology::testing {
namespace {

constexpr const char* without_orders = "primary=a rw=a ro=bc close_rw=bc";
constexpr const char* answers_of_all = "; a primary 1; b standby 1; c standby 1";

history ordered(const std::string& events) {
  history story;
  story.play("a primary 1; b standby 1; c standby 1; wait 500");
  EXPECT_EQ(story.summary(), without_orders);
  story.play(events);
  return story;
}

std::string reason_of(const history& story, char who) {
  return to_string(story.of(who).reason);
}

TEST(OperatorOrder, KeepsNewSessionsFromAStandby) {
  const history disabled = ordered("disable b");
  EXPECT_EQ(disabled.summary(), "primary=a rw=a ro=c close_rw=bc disabled=b");
  EXPECT_EQ(reason_of(disabled, 'b'), "standby, disabled by the operator");
  const history drained = ordered("drain b");
  EXPECT_EQ(drained.summary(), "primary=a rw=a ro=c close_rw=bc drained=b");
  EXPECT_EQ(reason_of(drained, 'b'), "standby, drained by the operator");
  EXPECT_TRUE(drained.of('b').is_kept_by_order_alone());
  EXPECT_EQ(ordered("disable b; drain c").summary(), "primary=a rw=a close_rw=bc disabled=b drained=c");
}

// rw moves by proof of a successor alone.
TEST(OperatorOrder, MakesNobodyElseThePrimary) {
  history story = ordered("disable a");
  EXPECT_EQ(story.summary(), "primary=a ro=bc close_rw=bc disabled=a");
  EXPECT_EQ(reason_of(story, 'a'), "primary, disabled by the operator");
  EXPECT_EQ(story.of('a').sessions, session_verdict::keep);
  EXPECT_TRUE(story.snapshot().is_primary_kept_by_order());
  EXPECT_FALSE(story.snapshot().rw_valid_until);
  const std::string hours = "wait 7200000" + std::string(answers_of_all);
  EXPECT_EQ(story.play(hours).summary(), "primary=a ro=bc close_rw=bc disabled=a");
  EXPECT_EQ(ordered("drain a").summary(), "primary=a ro=bc close_rw=bc drained=a");
}

TEST(OperatorOrder, IsTakenBackOrReplaced) {
  history story = ordered("disable b 60000; drain b");
  EXPECT_EQ(story.summary(), "primary=a rw=a ro=c close_rw=bc drained=b");
  EXPECT_FALSE(story.of('b').order->until) << "its time is replaced too";
  const auto generation = story.snapshot().generation;
  EXPECT_GT(story.play("drain b 5000").snapshot().generation, generation) << "whoever shows it hears of it";
  EXPECT_EQ(story.play("resume b").summary(), without_orders);
  EXPECT_EQ(story.play("resume b").summary(), without_orders);
  EXPECT_EQ(ordered("disable a; resume a").summary(), without_orders);
}

TEST(OperatorOrder, IsOverWithItsTime) {
  for (const char* events : {"drain b 2000", "disable a 2000"}) {
    SCOPED_TRACE(events);
    history story = ordered(events);
    const time_point until = story.now() + seconds{2};
    story.play("wait 1000" + std::string(answers_of_all));
    EXPECT_EQ(story.next_deadline(), until);
    story.wait_until(until - duration{1});
    EXPECT_NE(story.summary(), without_orders);
    const auto generation = story.snapshot().generation;
    story.wait_until(until);
    EXPECT_EQ(story.summary(), without_orders);
    EXPECT_GT(story.snapshot().generation, generation);
  }
}

// The next decision is due at the first of them.
TEST(OperatorOrder, HasItsOwnTime) {
  history story = ordered("drain b 2000; disable c 1000");
  const time_point begun = story.now();
  EXPECT_EQ(story.next_deadline(), begun + seconds{1});
  story.wait_until(begun + seconds{1});
  EXPECT_EQ(story.summary(), "primary=a rw=a ro=c close_rw=bc drained=b");
  EXPECT_EQ(story.next_deadline(), begun + seconds{2});
  story.wait_until(begun + seconds{2});
  EXPECT_EQ(story.summary(), without_orders);
}

// A primary that nobody may use is asked as any other: what is known of it ages.
TEST(OperatorOrder, HidesNoOtherTrouble) {
  history story = ordered("disable a; disable b");
  const time_point answered_at = story.now() - milliseconds{500};
  EXPECT_EQ(story.next_deadline(), answered_at + seconds{3} + duration{1});
  story.wait_until(*story.next_deadline());
  EXPECT_EQ(reason_of(story, 'a'), "primary by knowledge too old to use, disabled by the operator");
  story.play("a primary 1; b timed_out");
  EXPECT_EQ(reason_of(story, 'a'), "primary, disabled by the operator");
  EXPECT_EQ(reason_of(story, 'b'), "standby, but no answer in time, disabled by the operator");
  EXPECT_FALSE(story.of('b').is_kept_by_order_alone());
  story.play("wait 30000; b timed_out");
  EXPECT_EQ(reason_of(story, 'b'),
            "silent for longer than dead_after, but no answer in time, disabled by the operator");
  EXPECT_EQ(story.of('b').sessions, session_verdict::close_all);
  EXPECT_EQ(reason_of(ordered("disable a; a too_many_clients"), 'a'),
            "primary, but all its connection slots are taken, disabled by the operator");
}

TEST(OperatorOrder, AFailoverGoesOnAsEver) {
  const std::string failover = "; a refused; wait 500; b primary 2; c standby 2; a primary 1";
  EXPECT_EQ(ordered("disable a" + failover).summary(),
            "primary=b rw=b ro=c close_rw=c close_all=a disabled=a");
  // To one that is ordered: it is the primary, and logins wait for the operator.
  history story = ordered("drain b" + failover);
  EXPECT_EQ(story.summary(), "primary=b ro=c close_rw=c close_all=a drained=b");
  EXPECT_EQ(reason_of(story, 'b'), "primary, drained by the operator");
  EXPECT_EQ(story.play("resume b").summary(), "primary=b rw=b ro=c close_rw=c close_all=a");
  EXPECT_EQ(ordered("disable b; a refused; wait 500; c primary 2; b standby 2").summary(),
            "primary=c rw=c close_rw=b close_all=a disabled=b");
}

TEST(OperatorOrder, DoesNotEndTheWaitOfAPrimaryThatSettles) {
  history story({.system = {our_system}, .settle = seconds{5}});
  story.play("a primary 1; b standby 1; c standby 1; disable b; b primary 2");
  EXPECT_TRUE(story.snapshot().is_settling);
  EXPECT_EQ(reason_of(story, 'b'),
            "primary, settling after its promotion: no new sessions yet, disabled by the operator");
  EXPECT_EQ(story.play("wait 5000; b primary 2").summary(), "primary=b close_rw=c close_all=a disabled=b");
}

// For want of another one a standby that was lost again and again will do; one that is disabled will not.
TEST(OperatorOrder, LeavesTheOnlyOtherStandbyNoRest) {
  history story = ordered("c refused; wait 100; c standby 1; wait 100");
  EXPECT_EQ(story.summary(), "primary=a rw=a ro=b close_rw=bc");
  EXPECT_EQ(story.play("disable b").summary(), "primary=a rw=a ro=c close_rw=bc disabled=b");
}

TEST(OperatorOrder, StandsWhileDiscoveryDoesNotNameTheBackend) {
  history story = ordered("drain b 60000; name ac");
  EXPECT_EQ(story.summary(), "primary=a rw=a ro=c close_rw=bc drained=b");
  EXPECT_EQ(reason_of(story, 'b'), "standby, leaving: no new sessions, drained by the operator");
  const time_point until = *story.of('b').order->until;
  story.play("forget b; wait 1000; name abc; b standby 1" + std::string(answers_of_all));
  EXPECT_EQ(story.summary(), "primary=a rw=a ro=c close_rw=cb drained=b") << "it is the same one again";
  EXPECT_EQ(story.of('b').order->until, until);
  story.play("name ac; forget b; wait 60000; name abc" + std::string(answers_of_all));
  EXPECT_EQ(story.summary(), "primary=a rw=a ro=cb close_rw=cb") << "its time has gone on";
}

// Another pod under the address of the one that was ordered.
TEST(OperatorOrder, IsOfOneBackendAndNotOfItsAddress) {
  topology decider({.system = {our_system}});
  const endpoint address{"10.0.0.1", 5432};
  const auto name = [&](const std::string& identity) {
    decider.set_backends(std::vector<backend_spec>{{"pg-1:5432", address, identity}});
    return *decider.find(address, identity);
  };
  const time_point now = time_point{} + seconds{1000};
  decider.set_order(name("uid-1"), operator_order{operator_order::kind::drain});
  ASSERT_TRUE(decider.decide(now).backends.at(0).order);
  const backend_id other = name("uid-2");
  const topology_snapshot snapshot = decider.decide(now);
  EXPECT_FALSE(snapshot.find(other)->order);
  EXPECT_EQ(snapshot.backends.size(), 2U) << "the first one may have sessions";
  EXPECT_TRUE(snapshot.backends.at(0).is_drained());
  decider.set_order(backend_id{99}, operator_order{});
  EXPECT_FALSE(decider.decide(now).find(other)->order) << "nobody has that id";
}

TEST(OperatorOrder, GoesOverToTheNextProcessWithWhatIsLeftOfItsTime) {
  for (const char* events : {"drain b 5000; disable c", "disable a 5000", "drain b; name ac", "drain a"}) {
    SCOPED_TRACE(events);
    history same = ordered(events);
    history next = ordered(events);
    next.play("upgrade");
    EXPECT_EQ(next.summary(), same.summary());
    EXPECT_EQ(next.next_deadline(), same.next_deadline());
    const std::string later = "wait 5000; name abc" + std::string(answers_of_all);
    EXPECT_EQ(next.play(later).summary(), same.play(later).summary());
  }
  history forgotten = ordered("drain b; name ac; forget b; upgrade; name abc; b standby 1");
  EXPECT_EQ(forgotten.summary(), "primary=a rw=a ro=c close_rw=cb drained=b");
}

// Of backends that come and go, as pods do, an order for good would stay for ever.
TEST(OperatorOrder, OfBackendsThatAreGoneIsForgottenWhereThereAreTooMany) {
  topology decider({.system = {our_system}});
  for (std::size_t i = 0; i < 3 * backends_max; ++i) {
    const backend_spec spec{"pg:5432", {"10.0.0.1", 5432}, "uid-" + std::to_string(i)};
    decider.set_backends(std::vector{spec});
    const backend_id id = *decider.find(spec.address, spec.identity);
    decider.set_order(id, operator_order{});
    const topology_snapshot snapshot = decider.decide(time_point{});
    EXPECT_TRUE(snapshot.find(id)->order);
    for (const backend_status& each : snapshot.backends)
      if (each.is_leaving) decider.forget(each.id);
    EXPECT_LE(decider.recollect().orders.size(), backends_max);
  }
}

}  // namespace
}  // namespace pgsteer::topology::testing
