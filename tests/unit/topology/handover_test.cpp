// What a manager does around a promotion: the new primary settles, the old one is announced to go.
#include "unit/topology/story_test.hpp"

namespace pgsteer::topology::testing {
namespace {

constexpr const char* settling = "primary=b close_rw=c close_all=a";
constexpr const char* settled = "primary=b rw=b ro=c close_rw=c close_all=a";

// a was the primary on timeline 1; b is promoted, and c follows it.
history promoted(std::optional<duration> settle, const std::string& proof = "b primary 2") {
  history story({.system = {our_system}, .settle = settle});
  story.play("a primary 1; b standby 1; c standby 1; wait 500; a terminated; a refused; wait 500");
  story.play(proof);
  return story;
}

TEST(Settle, WaitsUntilTheConnectionWasEndedAndIsBack) {
  history story = promoted(seconds{5});
  EXPECT_EQ(story.summary(), settling);
  EXPECT_EQ(to_string(story.of('b').reason), "primary, settling after its promotion: no new sessions yet");
  EXPECT_TRUE(story.snapshot().is_settling);
  story.play("wait 300; b primary 2");
  EXPECT_EQ(story.summary(), settling) << "an answer alone shows nothing";
  story.play("wait 100; b terminated");
  EXPECT_TRUE(story.snapshot().is_settling) << "until it is back";
  EXPECT_EQ(story.summary(), settling);
  EXPECT_EQ(story.play("wait 10; b primary 2; c standby 2").summary(), settled);
  EXPECT_EQ(story.play("wait 10; b terminated; wait 10; b primary 2").summary(), settled) << "once is enough";
}

TEST(Settle, IsOverWithItsTime) {
  history story = promoted(seconds{5});
  const time_point promoted_at = story.now();
  story.play("wait 2500; b primary 2; c standby 2; wait 2400; b primary 2; c standby 2");
  EXPECT_EQ(story.next_deadline(), promoted_at + seconds{5});
  story.wait_until(promoted_at + seconds{5} - duration{1});
  EXPECT_TRUE(story.snapshot().is_settling);
  const auto generation = story.snapshot().generation;
  story.wait_until(promoted_at + seconds{5});
  EXPECT_EQ(story.summary(), settled);
  EXPECT_GT(story.snapshot().generation, generation);
}

TEST(Settle, IsOnByItselfUnderCloudNativePgAlone) {
  EXPECT_EQ(promoted({}, "b primary 2; c standby 2").summary(), settled);
  history story = promoted({}, "b primary 2 cnpg; c standby 2");
  EXPECT_TRUE(story.snapshot().is_settling) << "it shows that it is managed so";
  EXPECT_EQ(story.play("wait 1499; b primary 2 cnpg").snapshot().is_settling, true);
  EXPECT_EQ(story.play("wait 1; b primary 2 cnpg").summary(), settled);
  EXPECT_EQ(promoted(duration::zero(), "b primary 2 cnpg; c standby 2").summary(), settled) << "off is off";
  history by_source({.system = {our_system}, .is_cnpg_cluster = true});
  by_source.play("a primary 1; b standby 1; c standby 1; b primary 2");
  EXPECT_TRUE(by_source.snapshot().is_settling) << "the source says so";
}

// A restart in the same pod is no promotion, and the first primary that is seen may be an old one.
TEST(Settle, IsOnlyAfterARiseOfTheTimeline) {
  history story({.system = {our_system}, .settle = seconds{5}});
  story.play("a primary 1; b standby 1; c standby 1");
  EXPECT_EQ(story.summary(), "primary=a rw=a ro=bc close_rw=bc") << "at the start";
  story.play("a terminated; a refused; wait 500; a primary 1 run 2");
  EXPECT_EQ(story.summary(), "primary=a rw=a ro=bc close_rw=bc") << "after a restart";
  history late({.system = {our_system}, .settle = seconds{5}}, time_point{} + seconds{1000}, "name abc");
  late.play("b primary 1; a primary 2; c standby 2; wait 500; a primary 2");
  EXPECT_EQ(late.summary(), "primary=a rw=a ro=c close_rw=c close_all=b") << "a stale one answers first";
  history remembered({.system = {our_system}, .settle = seconds{5}}, time_point{} + seconds{1000},
                     "name abc; a local_trouble; b local_trouble; c local_trouble",
                     fence_mark{{our_system}, {1}, {10}});
  remembered.play("a primary 2; b standby 2; c standby 2");
  EXPECT_EQ(remembered.summary(), "primary=a rw=a ro=bc close_rw=bc") << "promoted before this process began";
}

TEST(Settle, CountsTheEndOfConnectionsOnlyAfterTheRise) {
  history story({.system = {our_system}, .settle = seconds{5}});
  story.play(
      "a primary 1; b standby 1; c standby 1; b terminated; wait 50; b standby 1; wait 50; b primary 2");
  EXPECT_TRUE(story.snapshot().is_settling) << "that was an administrator, before";
  story.play("wait 50; b connection_lost; wait 50; b primary 2");
  EXPECT_TRUE(story.snapshot().is_settling) << "a network that fails ends no sessions";
  story.play("wait 50; b terminated; late 60 b primary 2");
  EXPECT_FALSE(story.of('b').is_rw_eligible) << "that answer is older";
  EXPECT_TRUE(story.play("wait 50; b primary 2").of('b').is_rw_eligible);
}

TEST(Settle, EndsNobodysRoleAndHidesNoTrouble) {
  history story = promoted(seconds{5}, "b primary 2; c standby 2");
  EXPECT_EQ(story.of('c').is_ro_eligible, true) << "readers need not wait";
  EXPECT_EQ(story.play("b primary 2 hung").of('b').reason.what, verdict_reason::kind::primary_unusable);
  story.play("b primary 2; c primary 3; b standby 3");
  EXPECT_EQ(story.snapshot().primary, story.of('c').id);
  EXPECT_TRUE(story.snapshot().is_settling) << "the next rise, the next wait";
}

history announced(const std::string& events) {
  history story({.system = {our_system}});
  story.play("a primary 1; b standby 1; c standby 1; wait 500; " + events);
  return story;
}

constexpr const char* undisturbed_before = "primary=a rw=a ro=bc close_rw=bc";
constexpr const char* switching_over = "primary=a ro=bc close_rw=bc close_idle=a";

TEST(Switchover, HoldsNewSessionsAndEndsIdleOnes) {
  const history story = announced("announce a");
  EXPECT_EQ(story.summary(), switching_over);
  EXPECT_EQ(to_string(story.of('a').reason), "primary, about to be replaced: no new sessions");
  EXPECT_EQ(story.of('a').sessions, session_verdict::keep) << "whoever is not idle stays";
  EXPECT_EQ(announced("announce b").summary(), undisturbed_before) << "a standby";
}

TEST(Switchover, EndsWithTheProofOfTheSuccessorOrWithItsWithdrawal) {
  EXPECT_EQ(announced("announce a; b primary 2; c standby 2").summary(),
            "primary=b rw=b ro=c close_rw=c close_all=a");
  EXPECT_EQ(announced("announce a; wait 100; withdraw; a primary 1").summary(), undisturbed_before);
}

// A pod that is deleted may be in a smart shutdown for minutes, which waits for open transactions.
TEST(Switchover, OnlyByTheManagersWordAloneIsThePrimaryStoppedSoon) {
  const auto stops_soon = [](const std::string& events) { return announced(events).of('a').ends_them_soon; };
  EXPECT_TRUE(stops_soon("announce a"));
  EXPECT_FALSE(stops_soon("delete a"));
  EXPECT_FALSE(stops_soon("delete a; announce a"));
  EXPECT_FALSE(stops_soon("announce a; withdraw; delete a"));
  EXPECT_FALSE(
      stops_soon("delete a; wait 4000; announce a; wait 1500; a primary 1; b standby 1; c standby 1"));
  history later = announced("announce a; wait 100");
  const auto generation = later.snapshot().generation;
  EXPECT_FALSE(later.play("delete a").of('a').ends_them_soon);
  EXPECT_GT(later.snapshot().generation, generation) << "who goes by it hears of it";
}

// A manager may change its mind without a word, or be stopped.
TEST(Switchover, IsBelievedForAWhile) {
  history story = announced("announce a");
  const time_point until = story.now() + seconds{5};
  story.play("wait 2500; a primary 1; announce a; wait 2400; a primary 1; b standby 1; c standby 1");
  EXPECT_EQ(story.summary(), switching_over);
  EXPECT_EQ(story.next_deadline(), until) << "the same word again prolongs nothing";
  story.wait_until(until);
  EXPECT_EQ(story.summary(), undisturbed_before);
  EXPECT_EQ(story.play("announce a; a primary 1").summary(), undisturbed_before);
  EXPECT_EQ(story.play("withdraw; announce a").summary(), undisturbed_before) << "it has said so before";
  story.play("withdraw; wait 60000; a primary 1; b standby 1; c standby 1; announce a");
  EXPECT_EQ(story.summary(), switching_over) << "a new word";
}

// However often it changes its mind.
TEST(Switchover, IsNotProlongedByBeingTakenBack) {
  history story = announced("announce a");
  const time_point until = story.now() + seconds{5};
  story.play("wait 2000; withdraw; a primary 1; b standby 1; c standby 1");
  EXPECT_EQ(story.summary(), undisturbed_before);
  story.play("wait 1000; announce a; wait 1900; a primary 1; b standby 1; c standby 1");
  EXPECT_EQ(story.summary(), switching_over);
  story.wait_until(until);
  EXPECT_EQ(story.summary(), undisturbed_before);
}

// Its pod is told to stop at once, whatever the manager's status says.
TEST(Switchover, ADeletionIsNotTakenBack) {
  EXPECT_EQ(announced("announce a; delete a; withdraw").summary(), switching_over);
  const std::string all_answer = "a primary 1; b standby 1; c standby 1";
  history story = announced("announce a; wait 5000; " + all_answer);
  EXPECT_EQ(story.summary(), undisturbed_before);
  const time_point until = story.now() + seconds{5};
  EXPECT_EQ(story.play("delete a").summary(), switching_over) << "another sign than before";
  story.play("wait 2500; " + all_answer + "; wait 2400; " + all_answer);
  EXPECT_EQ(story.next_deadline(), until);
  story.wait_until(until);
  EXPECT_EQ(story.play("delete a").summary(), undisturbed_before);
}

// As when the manager's status has it the wrong way round for a moment.
TEST(Switchover, AWordAboutAnotherBackendMakesNothingNew) {
  history story = announced("announce a; wait 5000; a primary 1; b standby 1; c standby 1");
  story.play("announce b; a primary 1; announce a; a primary 1");
  EXPECT_EQ(story.summary(), undisturbed_before);
}

// There and back again: the second time it is another promise.
TEST(Switchover, IsBelievedAnewOnceItHasComeTrue) {
  history story = announced("announce a; b primary 2; a standby 2; c standby 2; withdraw");
  story.play("announce b; a primary 3; b standby 3; c standby 3; withdraw");
  EXPECT_EQ(story.play("announce a").of('a').reason.what, verdict_reason::kind::primary_switching_over);
}

TEST(Switchover, LeavesIdleSessionsWhereTheOperatorWantsIt) {
  history story({.system = {our_system}, .smart_shutdown = smart_shutdown::keep_sessions});
  story.play("a primary 1; b standby 1; c standby 1; announce a");
  EXPECT_EQ(story.summary(), "primary=a ro=bc close_rw=bc");
}

// Fenced by its manager. It stays to be asked: whoever promotes it all the same has made it the primary.
TEST(Withheld, TakesNoReadersAndIsThePrimaryByProof) {
  history story = announced("withhold ab");
  EXPECT_EQ(story.summary(), "primary=a rw=a ro=c close_rw=bc") << "who reads there already may stay";
  EXPECT_EQ(to_string(story.of('b').reason), "standby, fenced by its manager: no new sessions");
  EXPECT_EQ(story.play("b primary 2; c standby 2").summary(), "primary=b rw=b ro=c close_rw=c close_all=a");
  EXPECT_EQ(announced("withhold b; withhold -").summary(), undisturbed_before);
}

}  // namespace
}  // namespace pgsteer::topology::testing
