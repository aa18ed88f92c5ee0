// A backend that answers and lets nobody in any more: it waits for its sessions to end.
#include "unit/topology/story_test.hpp"

namespace pgsteer::topology::testing {
namespace {

constexpr const char* undisturbed = "primary=a rw=a ro=bc close_rw=bc";
constexpr const char* primary_leaves = "primary=a ro=bc close_rw=bc close_idle=a";

history after(const std::string& events, smart_shutdown wanted = smart_shutdown::end_idle_sessions) {
  history story({.system = {our_system}, .smart_shutdown = wanted});
  story.play("a primary 1; b standby 1; c standby 1; wait 500");
  EXPECT_EQ(story.summary(), undisturbed);
  story.play(events);
  return story;
}

TEST(SmartShutdown, EndsIdleSessionsAndTakesNoNewOnes) {
  const history primary = after("a primary 1 shutting");
  EXPECT_EQ(primary.summary(), primary_leaves);
  EXPECT_EQ(to_string(primary.of('a').reason), "primary, shutting down: no new sessions");
  EXPECT_EQ(primary.of('a').sessions, session_verdict::keep) << "whoever is not idle stays";
  const history standby = after("b standby 1 shutting");
  EXPECT_EQ(standby.summary(), "primary=a rw=a ro=c close_rw=bc close_idle=b");
  EXPECT_EQ(to_string(standby.of('b').reason), "standby, shutting down: no new sessions");
}

// Once the probe's own connection is given up, it hears nothing but 57P03.
TEST(SmartShutdown, LastsAsLongAsLoginsAreRefused) {
  history story =
      after("a primary 1 shutting; a not_accepting; wait 60000; b standby 1; c standby 1; a not_accepting");
  EXPECT_EQ(story.summary(), primary_leaves);
  EXPECT_EQ(to_string(story.of('a').reason), "primary, shutting down: no new sessions");
  EXPECT_EQ(story.play("a refused").summary(), "primary=a ro=bc close_rw=bc");
  EXPECT_EQ(story.play("a not_accepting").summary(), "primary=a ro=bc close_rw=bc") << "it starts again";
  EXPECT_EQ(story.play("a primary 1 run 2").summary(), undisturbed);
}

TEST(SmartShutdown, IsNotTakenFromARefusalAlone) {
  EXPECT_EQ(after("a not_accepting").summary(), "primary=a ro=bc close_rw=bc");
  EXPECT_EQ(after("a connection_lost; a not_accepting").summary(), "primary=a ro=bc close_rw=bc");
}

TEST(SmartShutdown, EndsWithProofOfASuccessor) {
  history story = after("a primary 1 shutting; b primary 2");
  EXPECT_EQ(story.summary(), "primary=b rw=b close_rw=c close_all=a close_idle=a");
  EXPECT_EQ(to_string(story.of('a').reason), "primary on timeline 1, below the fence 2");
}

TEST(SmartShutdown, LeavesSessionsAloneWhereTheOperatorWantsIt) {
  const history story = after("a primary 1 shutting", smart_shutdown::keep_sessions);
  EXPECT_EQ(story.summary(), "primary=a ro=bc close_rw=bc");
  EXPECT_EQ(to_string(story.of('a').reason), "primary, shutting down: no new sessions");
}

// A late result of an older question overwrites nothing.
TEST(SmartShutdown, IsNotForgottenForAnOlderAnswer) {
  EXPECT_EQ(after("a primary 1 shutting; late 400 a primary 1").summary(), primary_leaves);
  EXPECT_EQ(
      after("wait 10; late 10 a primary 1 shutting; a primary 1 run 2; late 5 a not_accepting").summary(),
      undisturbed);
}

}  // namespace
}  // namespace pgsteer::topology::testing
