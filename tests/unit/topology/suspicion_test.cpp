// What is known of a backend, and yet not enough for a new session: a probe that is late, a crash loop.
#include "unit/topology/story_test.hpp"

namespace pgsteer::topology::testing {
namespace {

constexpr const char* calm = "primary=a rw=a ro=bc close_rw=bc";

history told(const std::string& events) {
  history story;
  story.play("a primary 1; b standby 1; c standby 1");
  EXPECT_EQ(story.summary(), calm);
  story.play(events);
  return story;
}

TEST(LateProbe, StopsNewSessionsAndNothingElse) {
  const history primary = told("wait 500; a overdue");
  EXPECT_EQ(primary.summary(), "primary=a ro=bc close_rw=bc");
  EXPECT_EQ(to_string(primary.of('a').reason), "primary, but its probe is late");
  EXPECT_EQ(primary.of('a').sessions, session_verdict::keep);
  const history standby = told("wait 500; b overdue");
  EXPECT_EQ(standby.summary(), "primary=a rw=a ro=c close_rw=bc");
  EXPECT_EQ(to_string(standby.of('b').reason), "standby, but its probe is late");
}

TEST(LateProbe, IsForgivenByTheAnswer) {
  EXPECT_EQ(told("wait 500; a overdue; wait 50; late 50 a primary 1").summary(), calm);
  EXPECT_EQ(told("wait 500; b overdue; wait 50; b standby 1").summary(), calm);
}

TEST(LateProbe, IsNoNewsOnceAnAnswerCame) {
  EXPECT_EQ(told("a overdue").summary(), calm);  // asked in the moment of the last answer
}

TEST(LateProbe, IsNotForgivenByAnOlderAnswer) {
  EXPECT_EQ(told("wait 500; a overdue; late 500 a primary 1").summary(), "primary=a ro=bc close_rw=bc");
}

// Each return takes twice the rest of the one before, up to 30 s.
TEST(CrashLoop, DoublesTheRestOfAStandbyWithEveryLoss) {
  history story = told("");
  for (const int rest : {500, 1000, 2000, 4000, 8000, 16000, 30000, 30000}) {
    SCOPED_TRACE(rest);
    story.play("b connection_lost; wait 100; b refused; wait 100; a primary 1; b standby 1; c standby 1");
    EXPECT_EQ(story.summary(), "primary=a rw=a ro=c close_rw=bc");
    EXPECT_EQ(to_string(story.of('b').reason), "standby, resting since it was lost repeatedly");
    ASSERT_TRUE(story.next_deadline());
    story.play("wait " + std::to_string(rest - 1) + "; a primary 1; b standby 1; c standby 1");
    EXPECT_EQ(story.summary(), "primary=a rw=a ro=c close_rw=bc");
    story.play("wait 1");
    EXPECT_EQ(story.summary(), calm);
  }
}

TEST(CrashLoop, IsForgottenAfterAMinuteOfCalm) {
  history story =
      told("b connection_lost; b standby 1; wait 500; b connection_lost; b standby 1; wait 61001");
  story.play("a primary 1; b connection_lost; b standby 1; c standby 1; wait 500");
  EXPECT_EQ(story.summary(), calm);
}

TEST(CrashLoop, NeverLeavesReadersWithoutAStandby) {
  const history story = told("c timed_out; b connection_lost; wait 100; a primary 1; b standby 1");
  EXPECT_EQ(story.summary(), "primary=a rw=a ro=b close_rw=bc");
  EXPECT_EQ(to_string(story.of('b').reason), "standby, lost repeatedly but the only one");
}

TEST(CrashLoop, DoesNotDelayAPrimary) {
  EXPECT_EQ(told("a connection_lost; wait 100; a primary 1").summary(), calm);
}

}  // namespace
}  // namespace pgsteer::topology::testing
