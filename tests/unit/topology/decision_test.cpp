// What a snapshot promises beyond its verdicts: generations, validity in time, determinism.
#include "unit/topology/story_test.hpp"

namespace pgsteer::topology::testing {
namespace {

TEST(Generation, GrowsOnlyWithAVerdict) {
  history told({.system = {our_system}}, time_point{} + seconds{1000}, "name abc");
  const auto grows = [&](const char* events) {
    const std::uint64_t before = told.snapshot().generation;
    told.play(events);
    return told.snapshot().generation - before;
  };
  EXPECT_EQ(told.snapshot().generation, 1U);
  EXPECT_EQ(grows("a primary 1 lsn 10"), 1U);
  EXPECT_EQ(grows("wait 500; a primary 1 lsn 20"), 0U);
  EXPECT_EQ(grows("b standby 1 replay 5; c standby 1 replay 5"), 2U);
  EXPECT_EQ(grows("wait 500; b standby 1 replay 15; a primary 1 lsn 30; c local_trouble"), 0U);
  EXPECT_EQ(grows("a timed_out"), 1U);
  EXPECT_EQ(grows("wait 10; a timed_out; wait 10; a timed_out"), 0U);
  EXPECT_EQ(grows("a refused"), 1U);  // the reason changed
  EXPECT_EQ(grows("name abcd"), 1U);
  EXPECT_EQ(grows("name abcd"), 0U);
}

TEST(Validity, OfThePrimaryEndsRoleTtlAfterTheQuestion) {
  history told;
  told.play("a primary 1");
  const time_point asked_at = told.now();
  EXPECT_EQ(told.snapshot().rw_valid_until, asked_at + seconds{3});
  EXPECT_EQ(told.of('a').answered_at, asked_at);
  told.play("wait 200; late 150 a primary 1");
  EXPECT_EQ(told.snapshot().rw_valid_until, asked_at + milliseconds{50} + seconds{3});
  told.play("a timed_out");
  EXPECT_FALSE(told.snapshot().rw_valid_until);
}

// At every deadline something changes, nothing changes before it, and the deadlines come to an end.
TEST(Deadline, IsTheInstantOfTheNextChange) {
  history told;
  told.play("a primary 1; b standby 1; c standby 1; wait 1000; b query_failed; c timed_out");
  EXPECT_EQ(told.summary(), "primary=a rw=a ro=b close_rw=bc");
  const time_point answered_at = told.now() - seconds{1};
  const time_point silent_since = told.now();
  for (const auto& [deadline, expected] :
       {std::pair{answered_at + seconds{3} + duration{1}, "primary=a close_rw=bc"},
        {silent_since + seconds{30}, "primary=a close_rw=b close_all=c"}}) {
    ASSERT_EQ(told.next_deadline(), deadline);
    const std::string before = told.summary();
    told.wait_until(deadline - duration{1});
    EXPECT_EQ(told.summary(), before);
    EXPECT_EQ(told.next_deadline(), deadline);
    told.wait_until(deadline);
    EXPECT_EQ(told.summary(), expected);
  }
  EXPECT_FALSE(told.next_deadline());
}

// Invariant I7: the same history at another time of another day gives the same decisions.
TEST(Decision, DependsOnElapsedTimeOnly) {
  const std::string events =
      "a primary 1; b standby 1; wait 900; a timed_out; wait 2500; b query_failed; wait 700; pause; b "
      "primary 2; "
      "wait 3001; a primary 1; b refused; wait 30000; b refused; c standby 2; c primary 3";
  history early({.system = {our_system}}, time_point{} - std::chrono::hours{1});
  history late({.system = {our_system}}, time_point{} + std::chrono::hours{24 * 365 * 200});
  std::istringstream stream(events);
  for (std::string event; std::getline(stream, event, ';');) {
    SCOPED_TRACE(event);
    early.play(event);
    late.play(event);
    ASSERT_EQ(early.summary(), late.summary());
    ASSERT_EQ(early.snapshot().generation, late.snapshot().generation);
  }
}

TEST(Snapshot, FindsByIdOrNotAtAll) {
  history told;
  EXPECT_EQ(told.snapshot().find(told.of('b').id)->name, "b.example:5432");
  EXPECT_EQ(told.snapshot().find(backend_id{0}), nullptr);
  EXPECT_EQ(told.snapshot().find(backend_id{99}), nullptr);
}

TEST(Words, OfRolesAndPositions) {
  EXPECT_EQ(to_string(role::primary), "primary");
  EXPECT_EQ(to_string(lsn{0x16B374D848}), "16/B374D848");
  EXPECT_EQ(to_string(lsn{}), "0/0");
  EXPECT_EQ(to_string(lsn{0xBAF6F78}), "0/BAF6F78");
}

}  // namespace
}  // namespace pgsteer::topology::testing
