// What a restart remembers, and the operator's word that it was wrong.
#include "unit/topology/story_test.hpp"

namespace pgsteer::topology::testing {
namespace {

constexpr fence_mark on_timeline_2{{our_system}, {2}, {900}};
const std::string newcomers = "name abc; a local_trouble; b local_trouble; c local_trouble";

history restarted(const std::optional<fence_mark>& mark, const std::string& events,
                  system_identifier named = {}) {
  history story({.system = named}, time_point{} + seconds{1000}, newcomers, mark);
  story.play(events);
  return story;
}

TEST(FenceMark, IsUnsetBeforeAPrimaryWasSeen) {
  history story;
  EXPECT_FALSE(story.decider().mark());
  story.play("a standby 1; b standby 1; c standby 1");
  EXPECT_FALSE(story.decider().mark());
  story.play("a primary 2 lsn 900");
  EXPECT_EQ(story.decider().mark(), on_timeline_2);
}

// pgsteer restarts while the old primary is the only one it can reach.
TEST(FenceMark, KeepsAStalePrimaryOutAfterARestart) {
  EXPECT_EQ(restarted({}, "a primary 1").summary(), "primary=a rw=a");
  const history story = restarted(on_timeline_2, "a primary 1");
  EXPECT_EQ(story.summary(), "close_all=a");
  EXPECT_EQ(to_string(story.of('a').reason), "primary on timeline 1, below the fence 2");
}

TEST(FenceMark, KeepsAForeignClusterOutAfterARestart) {
  EXPECT_EQ(restarted(on_timeline_2, "a primary 3 system 8; b primary 2").summary(),
            "primary=b rw=b close_all=a");
}

TEST(FenceMark, OfAnotherClusterThanTheNamedOneIsIgnored) {
  EXPECT_EQ(restarted(on_timeline_2, "a primary 1 system 8", {8}).summary(), "primary=a rw=a");
}

TEST(FenceMark, LoweredByTheOperatorLetsARestoredPrimaryIn) {
  history story = restarted(on_timeline_2, "a primary 1");
  story.decider().replace_mark(fence_mark{{our_system}, {1}, {}});
  EXPECT_EQ(story.play("a primary 1; b refused; c refused").summary(), "primary=a rw=a");
}

// Everybody was asked again since; a result that was on its way for long, and comes only now, takes nothing
// of that back.
TEST(FenceMark, ReplacedAfterAPauseDoesNotTakeALateResultForTheNewest) {
  history story = restarted({}, "a primary 1; b standby 1; c standby 1; wait 500; pause; wait 10");
  story.play("a primary 1; b standby 1; c standby 1");
  EXPECT_EQ(story.summary(), "primary=a rw=a ro=bc close_rw=bc");
  story.decider().replace_mark(fence_mark{{our_system}, {1}, {}});
  story.play("late 200 b standby 1; c standby 1; wait 10; a primary 1");
  EXPECT_EQ(story.summary(), "primary=a rw=a ro=bc close_rw=bc");
}

// Nobody tells where the lower timeline began; the first answer of its primary does.
TEST(FenceMark, LoweredLearnsItsPositionAnew) {
  history story = restarted(on_timeline_2, "a primary 1");
  story.decider().replace_mark(fence_mark{{our_system}, {1}, {}});
  story.play("a primary 1 lsn 700; a primary 1 lsn 900");
  EXPECT_EQ(story.decider().mark()->raised_at, lsn{700});
}

// Both wrote on after the restore; who answers first proves nothing.
TEST(FenceMark, LoweredOverTwoPrimariesLetsNeitherIn) {
  history story = restarted(on_timeline_2, "a primary 1; b primary 1; c refused");
  story.decider().replace_mark(fence_mark{{our_system}, {1}, {}});
  EXPECT_EQ(story.play("a primary 1").summary(), "");
  EXPECT_EQ(story.play("b primary 1; c refused").summary(), "AMBIGUOUS");
}

TEST(FenceMark, RisesAgainIfTheHigherTimelineStillSpeaks) {
  history story = restarted({}, "a primary 2; b standby 2");
  story.decider().replace_mark(fence_mark{{our_system}, {1}, {}});
  EXPECT_EQ(story.play("a primary 2; b standby 2; c refused").summary(), "primary=a rw=a ro=b close_rw=b");
  EXPECT_EQ(story.decider().mark()->timeline, timeline_id{2});
}

TEST(FenceMark, ForgottenByTheOperatorLetsAnotherClusterIn) {
  history story = restarted(on_timeline_2, "a primary 1 system 8");
  EXPECT_EQ(story.summary(), "close_all=a");
  story.decider().replace_mark({});
  EXPECT_EQ(story.play("a primary 1 system 8").summary(), "") << "before every backend was asked anew";
  EXPECT_EQ(story.play("b refused; c refused").summary(), "primary=a rw=a");
}

// A reload: what is known stays, unless the operator names another cluster.
TEST(ChangedOptions, ForgetNothingOfTheSameCluster) {
  history story({}, time_point{} + seconds{1000}, newcomers);
  story.play("a primary 2 lsn 900; b standby 2; c standby 2");
  const auto before = story.summary();
  for (const system_identifier named : {system_identifier{our_system}, system_identifier{}}) {
    EXPECT_FALSE(story.decider().change_options({.system = named, .role_ttl = seconds{7}}));
    story.play("");
    EXPECT_EQ(story.summary(), before);
    EXPECT_EQ(story.decider().mark()->timeline, timeline_id{2});
  }
}

// A typing error in the name, and its correction: the old primary, which has come back, stays out.
TEST(ChangedOptions, AWrongNameForgetsNoFence) {
  for (const system_identifier corrected : {system_identifier{our_system}, system_identifier{}}) {
    history story({}, time_point{} + seconds{1000}, newcomers);
    story.play("a primary 2 lsn 900; b primary 1; c standby 2");
    EXPECT_TRUE(story.decider().change_options({.system = {77}}));
    EXPECT_FALSE(story.decider().mark());
    story.play("a refused; b primary 1; c standby 2");
    EXPECT_TRUE(story.decider().change_options({.system = corrected}));
    EXPECT_EQ(story.decider().mark(), on_timeline_2);
    story.play("a refused; b primary 1; c refused");
    EXPECT_EQ(to_string(story.of('b').reason), "primary on timeline 1, below the fence 2");
  }
}

TEST(ChangedOptions, ThatNameAnotherClusterCountFromNowOn) {
  history story({}, time_point{} + seconds{1000}, newcomers);
  story.play("a primary 2 lsn 900; b standby 2; c primary 1 system 8");
  EXPECT_TRUE(story.decider().change_options({.system = {8}}));
  EXPECT_FALSE(story.decider().mark());
  story.play("a primary 2; b standby 2; c primary 1 system 8");
  EXPECT_EQ(story.summary(), "primary=c rw=c close_all=ab");
}

}  // namespace
}  // namespace pgsteer::topology::testing
