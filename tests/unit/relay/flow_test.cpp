// What a flow is ended for by us.
#include "relay/flow.hpp"

#include <gtest/gtest.h>

#include "unit/relay/harness.hpp"

namespace pgsteer::relay::testing {
namespace {

class idling_flow final : public flow {
 public:
  explicit idling_flow(const flow_start& start) : flow(start) {}
  using flow::guard_progress;
};

TEST(Flow, ThatKeepsAskingForTurnsInVainEndsAsADefect) {
  test_flow sockets;
  idling_flow flow(sockets.start());
  for (int turn = 0; turn < progress_guard::empty_turns_max && !flow.has_ended(); ++turn)
    flow.guard_progress(true);
  ASSERT_TRUE(flow.has_ended());
  flow.tell_owner();
  EXPECT_EQ(sockets.end(), flow_end::defect);
  EXPECT_EQ(sockets.owner.summary->error, boost::system::errc::state_not_recoverable);
}

}  // namespace
}  // namespace pgsteer::relay::testing
