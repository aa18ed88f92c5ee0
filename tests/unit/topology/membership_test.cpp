// Which backends exist: discovery names them, leaving ones keep their sessions, which address is whose.
#include "unit/topology/story_test.hpp"

namespace pgsteer::topology::testing {
namespace {

// DNS hints, probes prove: a bad minute of a resolver takes nobody's primary away.
TEST(Membership, ThePrimaryInUseStaysInUse) {
  run_stories({
      {"NotNamedAnyMore", "a primary 1; name bc", "primary=a rw=a", 'a',
       "primary on the highest timeline, though discovery dropped it"},
      {"UntilItMisses", "a primary 1; name bc; a timed_out", "primary=a", 'a',
       "primary, but no answer in time"},
      {"AndAfterThat", "a primary 1; name bc; a timed_out; a primary 1", "primary=a rw=a"},
      {"UntilAnotherIsProven", "a primary 1; name bc; b primary 2", "primary=b rw=b close_all=a"},
      {"UntilItHasMoved", "a primary 1; name bc; a timed_out; b primary 1", "primary=b rw=b close_rw=a"},
      {"IsNotForgotten", "a primary 1; name bc; forget a; a primary 1", "primary=a rw=a"},
      {"UntilItIsDead", "a primary 1; name bc; a refused; wait 30000; a refused; forget a", ""},
      {"WhoLeftBeforeIsNotElected", "a standby 1; name bc; b refused; c refused; a primary 2", "primary=a",
       'a', "primary, leaving: no new sessions"},
      {"NamedInBetweenItIsLikeAnyOther", "a primary 1; name bc; name abc; a standby 1; name bc; a primary 1",
       "primary=a"},
  });
}

TEST(Membership, LeavingBackendTakesNothingNew) {
  run_stories({
      {"LeavingStandby", "b standby 1; name ac", "close_rw=b", 'b', "standby, leaving: no new sessions"},
      {"NamedAgain", "a primary 1; name bc; name abc", "primary=a rw=a"},
      {"Forgotten", "b standby 1; name ac; forget b", ""},
      {"ForgetSparesTheNamed", "a primary 1; forget a", "primary=a rw=a"},
  });
}

TEST(Membership, AddressNamedAgainKeepsItsId) {
  history told;
  const backend_id before = told.of('a').id;
  told.play("name bc; name abc");
  EXPECT_EQ(told.of('a').id, before);
  told.play("name bc; forget a; name abc");
  EXPECT_GT(told.of('a').id, before);
}

// A pod's address is given to another pod: nothing that was known of the first is true of the second.
class Replaced : public ::testing::Test {
 protected:
  static backend_spec spec(const std::string& identity) {
    return {"pg-1:5432", {"10.0.0.1", 5432}, identity};
  }
  static probe_result answer_of(bool is_in_recovery, time_point at) {
    role_answer answer;
    answer.is_in_recovery = is_in_recovery;
    answer.system = {our_system};
    answer.timeline = {1};
    answer.write_lsn = answer.replay_lsn = {1000};
    return {.outcome = probe_outcome::answered,
            .answer = answer,
            .message = {},
            .sent_at = at,
            .received_at = at};
  }
  const backend_status& of(backend_id id) {
    snapshot_ = decider_.decide(now_);
    return *snapshot_.find(id);
  }
  backend_id name(const std::string& identity) {
    decider_.set_backends(std::vector{spec(identity)});
    return *decider_.find(spec(identity).address, identity);
  }

  class topology decider_ {
    topology_options {
      .system = { our_system }
    }
  };
  time_point now_ = time_point{} + seconds{1000};
  topology_snapshot snapshot_;
};

TEST_F(Replaced, IsAnotherBackend) {
  const backend_id first = name("uid-1");
  decider_.record(first, answer_of(false, now_));
  ASSERT_TRUE(of(first).is_rw_eligible);
  const backend_id second = name("uid-2");
  EXPECT_GT(second, first);
  EXPECT_TRUE(of(first).is_leaving);
  EXPECT_TRUE(of(first).is_replaced);
  EXPECT_EQ(of(first).role, role::unknown);
  EXPECT_FALSE(of(second).is_replaced);
  EXPECT_FALSE(snapshot_.primary) << "the first one's word for the second";
}

TEST_F(Replaced, IsNotAskedInTheNameOfTheOther) {
  const backend_id first = name("uid-1");
  decider_.record(first, answer_of(false, now_));
  const backend_id second = name("uid-2");
  decider_.record(first, answer_of(false, now_));  // a probe that was under way
  EXPECT_EQ(of(first).role, role::unknown);
  decider_.record(second, answer_of(false, now_));
  EXPECT_TRUE(of(second).is_rw_eligible);
  EXPECT_FALSE(snapshot_.is_ambiguous);
  decider_.note_late(first, now_);
  EXPECT_TRUE(decider_.forget(first)) << "though it was the primary";
}

TEST_F(Replaced, ComesBackUnderItsOwnId) {
  const backend_id first = name("uid-1");
  const backend_id second = name("uid-2");
  EXPECT_EQ(name("uid-1"), first);
  EXPECT_FALSE(of(first).is_replaced);
  EXPECT_TRUE(of(second).is_replaced);
}

TEST_F(Replaced, IsNoneWhoseAddressIsNobodys) {
  const backend_id first = name("uid-1");
  decider_.record(first, answer_of(false, now_));
  ASSERT_TRUE(of(first).is_rw_eligible);
  decider_.set_backends(std::vector<backend_spec>{{"pg-2:5432", {"10.0.0.2", 5432}, "uid-2"}});
  EXPECT_TRUE(of(first).is_leaving);
  EXPECT_FALSE(of(first).is_replaced);
  EXPECT_TRUE(of(first).is_rw_eligible) << "the primary in use stays in use";
}

TEST_F(Replaced, IsFoundByBothOrNotAtAll) {
  name("uid-1");
  EXPECT_FALSE(decider_.find(spec("").address, "uid-2"));
  EXPECT_FALSE(decider_.find({"10.0.0.2", 5432}, "uid-1"));
}

TEST(Membership, ResultOfAForgottenBackendIsIgnored) {
  class topology decider {
    topology_options {}
  };
  decider.set_backends(std::vector{spec_of('a')});
  const backend_id id = decider.decide(time_point{}).backends.front().id;
  decider.set_backends({});
  decider.forget(id);
  decider.record(
      id, {.outcome = probe_outcome::refused, .answer = {}, .message = {}, .sent_at = {}, .received_at = {}});
  EXPECT_TRUE(decider.decide(time_point{}).backends.empty());
}

TEST(Membership, IsBoundedAndFreeOfDoubles) {
  class topology decider {
    topology_options {}
  };
  std::vector<backend_spec> specs(2, spec_of('a'));
  for (std::uint16_t port = 1; port <= backends_max + 10; ++port)
    specs.push_back({"many", {"10.0.1.1", port}});
  decider.set_backends(specs);
  EXPECT_EQ(decider.decide(time_point{}).backends.size(), backends_max);
}

}  // namespace
}  // namespace pgsteer::topology::testing
