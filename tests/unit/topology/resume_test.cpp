// One process follows another, and what it decides is no new beginning.
#include "unit/topology/story_test.hpp"

namespace pgsteer::topology::testing {
namespace {

// Whatever was decided before is decided again, and so is what follows from the next events.
class Resume : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(Resume, DecidesAsTheProcessBefore) {
  const auto [before, after] = GetParam();
  history same;
  same.play(before);
  history next;
  next.play(before).play("upgrade");
  EXPECT_EQ(next.summary(), same.summary());
  EXPECT_EQ(next.decider().mark(), same.decider().mark());
  same.play(after);
  next.play(after);
  EXPECT_EQ(next.summary(), same.summary());
  EXPECT_EQ(next.decider().mark(), same.decider().mark());
}

INSTANTIATE_TEST_SUITE_P(
    Histories, Resume,
    ::testing::Values(
        std::pair{"a primary 1; b standby 1; c standby 1", "wait 10; b standby 1"},
        std::pair{"a standby 1; b standby 1; c standby 1", "a primary 2"},
        // A fenced primary, which may come back.
        std::pair{"a primary 1; b standby 1; wait 10; b primary 2; a primary 1",
                  "wait 10; b refused; a primary 1"},
        // Two on one timeline: the incumbent stays, and the other one is none, even if the incumbent is
        // silent.
        std::pair{"a primary 1; b standby 1; wait 10; b primary 1", "wait 10; b primary 1; a timed_out"},
        std::pair{"a primary 1; b standby 1; wait 10; b primary 1; wait 10; a timed_out",
                  "wait 10; b primary 1"},
        std::pair{"a primary 1; b standby 1; wait 10; b primary 1; wait 10; a timed_out",
                  "wait 100000; b primary 1; a timed_out"},
        std::pair{"a primary 1; b primary 1; c standby 1", "wait 10; a primary 1"},
        // Silence is counted on.
        std::pair{"a primary 1; b standby 1; wait 10; a refused; wait 9000", "wait 25000; a refused"},
        std::pair{"a primary 1; b standby 1; c standby 1; wait 10; a shutting_down",
                  "wait 10; a not_accepting"},
        std::pair{"a primary 1; b standby 1; c standby 1; name ab", "name abc; c standby 1"},
        std::pair{"a primary 1; b standby 1; c standby 1; name bc", "wait 10; a primary 1; b primary 2"},
        std::pair{"a primary 1; b standby 1 at-least receiver; c standby 1", "wait 10; b standby 1 at-least"},
        std::pair{"a primary 1; b wrong_credentials; c standby 1", "b standby 1"}));

// It is not told as one by the first probe of the new process.
TEST(Resume, SeesNoPromotionInWhatWasKnown) {
  history story;
  story.play("a primary 1; b standby 1; wait 10; b primary 2 cnpg; wait 60000; b primary 2 cnpg");
  EXPECT_EQ(story.summary(), "primary=b rw=b close_all=a");
  story.play("upgrade");
  EXPECT_EQ(story.summary(), "primary=b rw=b close_all=a");
  EXPECT_EQ(story.play("wait 10; b primary 2 cnpg").summary(), "primary=b rw=b close_all=a");
}

TEST(Resume, KeepsIds) {
  history story;
  story.play("name ab; forget c; name abd");
  std::vector<backend_id> before;
  for (const backend_status& each : story.snapshot().backends) before.push_back(each.id);
  story.play("upgrade");
  std::vector<backend_id> after;
  for (const backend_status& each : story.snapshot().backends) after.push_back(each.id);
  EXPECT_EQ(after, before);
  story.play("name abde");
  EXPECT_GT(story.of('e').id, before.back()) << "no id is given twice";
}

// What cluster.state_dir remembers may be higher.
TEST(Resume, OfTwoMarksOfOneClusterTheHigherCounts) {
  history story;
  story.play("a primary 2; b standby 2; c standby 2");
  topology next({}, fence_mark{{our_system}, {3}, {900}});
  next.resume(story.decider().recollect());
  EXPECT_EQ(next.mark()->timeline, timeline_id{3});
  topology later({}, fence_mark{{our_system}, {1}, {100}});
  later.resume(story.decider().recollect());
  EXPECT_EQ(later.mark()->timeline, timeline_id{2});
}

TEST(Resume, TheMarkOfAnotherClusterThanTheNamedOneIsIgnored) {
  topology first({});
  first.set_backends(std::vector{spec_of('a')});
  probe_result result{.outcome = probe_outcome::answered,
                      .answer = role_answer{},
                      .message = {},
                      .sent_at = {},
                      .received_at = {}};
  result.answer->system = {8};
  result.answer->timeline = {3};
  first.record(backend_id{1}, result);
  ASSERT_EQ(first.mark()->system, system_identifier{8});
  topology next({.system = {our_system}});
  next.resume(first.recollect());
  EXPECT_FALSE(next.mark());
}

}  // namespace
}  // namespace pgsteer::topology::testing
