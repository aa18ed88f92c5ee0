// Which backends exist: discovery names them, leaving ones keep their sessions, identity is the address.
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
