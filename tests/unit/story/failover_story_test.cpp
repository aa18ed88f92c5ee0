// When a failover began: not at a lost session that the primary's own probe contradicts.
#include "pgsteer/story/failover_story.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace pgsteer::story {
namespace {

using origin = failover_story::origin;

class FailoverStory : public testing::Test {
 protected:
  FailoverStory() {
    story_.count_logins = [] { return login_totals{}; };
    story_.await_login = [](topology::backend_id) {};
    decide(1);
  }

  // The primary is this backend, or none; it takes rw, or settles.
  void decide(std::uint32_t primary, bool is_settling = false) {
    auto snapshot = std::make_shared<topology::topology_snapshot>();
    runtime::used_topology published;
    for (std::uint32_t i = 1; i <= 2; ++i) {
      snapshot->backends.emplace_back().id = {i};
      published.uses.push_back(use_);
    }
    if (primary != 0) {
      snapshot->primary = topology::backend_id{primary};
      snapshot->is_settling = is_settling;
      if (!is_settling) snapshot->rw_valid_until = time_point::max();
    }
    published.snapshot = snapshot;
    story_.note_decision(published, now_);
  }
  // It is the primary still, and the operator alone keeps logins from it.
  void disable(std::uint32_t primary) {
    auto snapshot = std::make_shared<topology::topology_snapshot>();
    runtime::used_topology published;
    for (std::uint32_t i = 1; i <= 2; ++i) {
      snapshot->backends.emplace_back().id = {i};
      published.uses.push_back(use_);
    }
    snapshot->primary = topology::backend_id{primary};
    snapshot->backends[primary - 1].reason.what = topology::verdict_reason::kind::primary_ordered;
    published.snapshot = snapshot;
    story_.note_decision(published, now_);
  }
  void wait(milliseconds span) { now_ += span; }
  void symptom(origin from) { story_.note_symptom(primary_, from, "a symptom", now_); }
  // A probe is asked now and answers after this time.
  void answer(milliseconds later) {
    const time_point asked_at = now_;
    wait(later);
    story_.note_answer(primary_, asked_at);
  }
  // The primary is lost now, and the other one proven: how long before it had begun.
  [[nodiscard]] milliseconds detected_after() {
    decide(0);
    decide(2);
    return std::chrono::round<milliseconds>(
        std::chrono::duration<double>(story_.histograms().detect.sum_seconds()));
  }

  const topology::backend_id primary_{1};
  time_point now_ = time_point{} + seconds{1'000};
  runtime::backend_use_ptr use_ = std::make_shared<runtime::backend_use>();
  failover_story story_;
};

TEST_F(FailoverStory, BeginsWithALostSession) {
  symptom(origin::session);
  wait(milliseconds{300});
  EXPECT_EQ(detected_after(), milliseconds{300});
}

TEST_F(FailoverStory, DoesNotBeginWithASessionThatAProbeContradicts) {
  symptom(origin::session);
  answer(milliseconds{5});
  wait(milliseconds{500});
  symptom(origin::login_or_probe);
  wait(milliseconds{40});
  EXPECT_EQ(detected_after(), milliseconds{40});
}

TEST_F(FailoverStory, IsNotContradictedByAnAnswerToAnEarlierQuestion) {
  const time_point asked_at = now_;
  wait(milliseconds{1});
  symptom(origin::session);
  story_.note_answer(primary_, asked_at);
  wait(milliseconds{200});
  EXPECT_EQ(detected_after(), milliseconds{200});
}

// It says that it is a standby now: what sessions had told before was true.
TEST_F(FailoverStory, BeginsWithASessionThatTheAnswerConfirms) {
  symptom(origin::session);
  const time_point asked_at = now_;
  wait(milliseconds{5});
  decide(0);
  story_.note_answer(primary_, asked_at);
  EXPECT_EQ(detected_after(), milliseconds{5});
}

// The open connection of the probe answers on while new logins hang.
TEST_F(FailoverStory, BeginsWithASlowLoginWhateverTheOpenConnectionAnswers) {
  symptom(origin::session);
  symptom(origin::login_or_probe);
  answer(milliseconds{5});
  wait(milliseconds{95});
  EXPECT_EQ(detected_after(), milliseconds{100});
}

TEST_F(FailoverStory, SessionsThatEndDoNotKeepASlowLoginAlive) {
  symptom(origin::login_or_probe);
  for (int i = 0; i < 3; ++i) {
    wait(milliseconds{900});
    symptom(origin::session);
    answer(milliseconds{1});
  }
  wait(milliseconds{50});
  symptom(origin::login_or_probe);
  EXPECT_EQ(detected_after(), milliseconds{0});
}

TEST_F(FailoverStory, IsNoneWhenTheOperatorDisablesThePrimary) {
  disable(1);
  wait(milliseconds{60'000});
  decide(1);
  EXPECT_TRUE(story_.history().failovers().empty());
  disable(1);
  symptom(origin::login_or_probe);
  wait(milliseconds{40});
  EXPECT_EQ(detected_after(), milliseconds{40}) << "it can be lost then as ever";
}

// PostgreSQL restarted and is back; what comes then has its own beginning.
TEST_F(FailoverStory, EndsWithTheReturnOfTheSamePrimary) {
  symptom(origin::login_or_probe);
  decide(0);
  wait(milliseconds{200});
  decide(1);
  wait(milliseconds{800});
  symptom(origin::login_or_probe);
  wait(milliseconds{30});
  EXPECT_EQ(detected_after(), milliseconds{30});
}

TEST_F(FailoverStory, ForgetsASymptomAfterWhichNothingWasLost) {
  symptom(origin::login_or_probe);
  wait(seconds{3});
  EXPECT_EQ(detected_after(), milliseconds{0});
}

// It is proven when it is, and the first login waits for the settling.
TEST_F(FailoverStory, CountsSettlingFromTheProofToTheLogin) {
  symptom(origin::login_or_probe);
  decide(0);
  wait(milliseconds{200});
  decide(2, true);
  wait(milliseconds{700});
  decide(2, true);
  decide(2);
  wait(milliseconds{10});
  story_.note_login(now_);
  EXPECT_DOUBLE_EQ(story_.histograms().prove.sum_seconds(), 0.2);
  EXPECT_DOUBLE_EQ(story_.histograms().login.sum_seconds(), 0.71);
  EXPECT_DOUBLE_EQ(story_.histograms().total.sum_seconds(), 0.91);
  EXPECT_DOUBLE_EQ(story_.histograms().detect.sum_seconds(), 0) << "nothing else was lost";
}

}  // namespace
}  // namespace pgsteer::story
