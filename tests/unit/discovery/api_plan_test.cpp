#include "discovery/api_plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace pgsteer::discovery {
namespace {

using enum api_ending;
constexpr duration no_wait{};

api_request list(const std::string& continue_token = "") {
  return {false, {}, continue_token};
}
api_request watch(const std::string& version) {
  return {true, version, {}};
}

// A plan whose list is whole at version 10.
api_plan watching() {
  api_plan plan;
  EXPECT_TRUE(plan.note_page("10", ""));
  EXPECT_EQ(plan.note_end(complete, 0), no_wait);
  return plan;
}

TEST(ApiPlan, ListsPageByPageAndThenWatches) {
  api_plan plan;
  EXPECT_EQ(plan.next(), list());
  EXPECT_FALSE(plan.note_page("10", "c1"));
  EXPECT_EQ(plan.note_end(complete, 0), no_wait);
  EXPECT_EQ(plan.next(), list("c1"));
  EXPECT_TRUE(plan.note_page("10", ""));
  EXPECT_EQ(plan.note_end(complete, 0), no_wait);
  EXPECT_EQ(plan.next(), watch("10"));
}

TEST(ApiPlan, WatchesOnFromTheLastVersion) {
  api_plan plan = watching();
  EXPECT_EQ(plan.note_end(complete, 0, seconds{300}), no_wait) << "timeoutSeconds, and nothing had happened";
  EXPECT_EQ(plan.next(), watch("10"));
  plan.note_version("11");  // an event or a bookmark
  EXPECT_EQ(plan.note_end(complete, 0, milliseconds{1}), no_wait);
  EXPECT_EQ(plan.next(), watch("11"));
}

TEST(ApiPlan, TakesAWatchThatEndsAtOnceForAFailure) {
  api_plan plan = watching();
  EXPECT_GT(plan.note_end(complete, 0, milliseconds{999}), no_wait);
  EXPECT_EQ(plan.next(), watch("10"));
}

TEST(ApiPlan, ListsAnewAtOnceWhenAVersionIsTooOld) {
  api_plan plan = watching();
  EXPECT_EQ(plan.note_end(gone, 0, seconds{1}), no_wait);
  EXPECT_EQ(plan.next(), list());
  plan.note_page("20", "c1");
  EXPECT_EQ(plan.note_end(complete, 0), no_wait);
}

TEST(ApiPlan, ListsFromTheFirstPageWhenAContinueTokenIsTooOld) {
  api_plan plan;
  plan.note_page("10", "c1");
  EXPECT_EQ(plan.note_end(complete, 0), no_wait);
  EXPECT_EQ(plan.note_end(gone, 0), no_wait);
  EXPECT_EQ(plan.next(), list());
}

// A server that calls every version too old must not be asked without a pause.
TEST(ApiPlan, WaitsLongerEachTimeWhatIsNewIsGone) {
  api_plan plan = watching();
  EXPECT_EQ(plan.note_end(gone, 0), no_wait);
  duration last = no_wait;
  for (int i = 0; i < 3; ++i) {
    SCOPED_TRACE(i);
    plan.note_page("20", "");
    EXPECT_EQ(plan.note_end(complete, 0), no_wait);
    const duration wait = plan.note_end(gone, 0);
    EXPECT_GT(wait, last);
    last = wait;
  }
  plan.note_page("30", "");
  EXPECT_EQ(plan.note_end(complete, 0), no_wait);
  plan.note_version("31");
  EXPECT_EQ(plan.note_end(gone, 0), no_wait) << "after a watch that brought something";
}

TEST(ApiPlan, BacksOffFromTheLeastToTheMostWithJitter) {
  api_plan plan;
  duration whole = api_plan::wait_min;
  for (int i = 0; i < 20; ++i) {
    SCOPED_TRACE(i);
    api_plan lucky = plan;
    EXPECT_EQ(lucky.note_end(no_connection, 0), whole / 2);
    const duration wait = plan.note_end(no_connection, 0.999);
    EXPECT_GT(wait, whole * 9 / 10);
    EXPECT_LE(wait, whole);
    whole = std::min(whole * 2, api_plan::wait_max);
  }
  EXPECT_EQ(plan.next(), list());
}

TEST(ApiPlan, BeginsAnewAfterASuccess) {
  for (const api_ending failure :
       {no_connection, late, malformed, refused, throttled, forbidden, not_set_up}) {
    SCOPED_TRACE(to_string(failure));
    api_plan plan = watching();
    for (int i = 0; i < 5; ++i) static_cast<void>(plan.note_end(failure, 0));
    EXPECT_EQ(plan.next(), watch("10")) << "API down changes nothing";
    EXPECT_EQ(plan.note_end(complete, 0, seconds{2}), no_wait);
    EXPECT_EQ(plan.note_end(failure, 0), api_plan::wait_min / 2);
  }
}

TEST(ApiPlan, ListsAnewAfterManyWatchesThatFail) {
  api_plan plan = watching();
  for (int i = 1; i < api_plan::watch_failures_max; ++i) {
    EXPECT_GT(plan.note_end(refused, 0), no_wait);
    EXPECT_EQ(plan.next(), watch("10"));
  }
  EXPECT_GT(plan.note_end(refused, 0), no_wait);
  EXPECT_EQ(plan.next(), list());
}

TEST(ApiPlan, ListsAnewAfterManyWatchesThatAreForbiddenOrCut) {
  for (const auto& [failure, lasted] :
       {std::pair<api_ending, std::optional<duration>>{forbidden, {}}, {no_connection, milliseconds{1}}}) {
    SCOPED_TRACE(to_string(failure));
    api_plan plan = watching();
    for (int i = 0; i < api_plan::watch_failures_max; ++i) {
      EXPECT_EQ(plan.next(), watch("10"));
      EXPECT_GT(plan.note_end(failure, 0, lasted), no_wait);
    }
    EXPECT_EQ(plan.next(), list());
  }
}

TEST(ApiPlan, WatchesOnHoweverLongTheApiIsGone) {
  for (const api_ending failure : {no_connection, late, throttled, unauthorized, not_set_up}) {
    SCOPED_TRACE(to_string(failure));
    api_plan plan = watching();
    for (int i = 0; i < 10 * api_plan::watch_failures_max; ++i) static_cast<void>(plan.note_end(failure, 0));
    EXPECT_EQ(plan.next(), watch("10"));
  }
}

TEST(ApiPlan, TriesAnotherTokenAtOnceAndOnce) {
  api_plan plan = watching();
  EXPECT_EQ(plan.note_end(unauthorized, 0), no_wait);
  EXPECT_EQ(plan.next(), watch("10"));
  EXPECT_GT(plan.note_end(unauthorized, 0), no_wait);
  plan.note_version("11");
  EXPECT_EQ(plan.note_end(complete, 0), no_wait);
  EXPECT_EQ(plan.note_end(unauthorized, 0), no_wait) << "after a good answer";
}

TEST(ApiPlan, WaitsAsLongAsTheServerSays) {
  api_plan plan;
  EXPECT_EQ(plan.note_end(throttled, 0, {}, seconds{7}), seconds{7});
  EXPECT_EQ(plan.note_end(refused, 0, {}, seconds{7}), seconds{7});
  EXPECT_EQ(plan.note_end(throttled, 0, {}, seconds{7'000}), api_plan::retry_after_max);
  EXPECT_GT(plan.note_end(throttled, 0, {}, seconds{0}), no_wait);
}

TEST(ApiEnding, EachHasAWord) {
  std::set<std::string_view> words;
  for (int i = 0; i < api_ending_count; ++i) words.insert(to_string(static_cast<api_ending>(i)));
  EXPECT_EQ(words.size(), static_cast<std::size_t>(api_ending_count));
}

}  // namespace
}  // namespace pgsteer::discovery
