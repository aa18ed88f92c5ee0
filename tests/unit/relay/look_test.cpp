// What is told of a flow at a moment, which is only what its bytes have told.
#include <gtest/gtest.h>

#include "unit/relay/harness.hpp"
#include "unit/relay/ready_for_query.hpp"

namespace pgsteer::relay::testing {
namespace {

const std::string in_transaction("Z\0\0\0\5T", 6);

class Look : public on_each_engine {
 protected:
  // What its owner need not watch any more, as behind a login.
  void begin(test_flow& flow, bool is_readable) {
    flow_start start = flow.start();
    start.is_watched = is_readable;
    flow.owner.on_verdict = [](std::string_view) { return watch_verdict::done; };
    flow.handle = harness_.engine().start(start);
  }
  void say(test_flow& flow, const std::string& answer) {
    send_some(flow.backend.theirs, answer);
    EXPECT_EQ(harness_.receive(flow.client.theirs, answer.size()), answer);
  }
  void ask(test_flow& flow, const std::string& query) {
    send_some(flow.client.theirs, query);
    EXPECT_EQ(harness_.receive(flow.backend.theirs, query.size()), query);
  }
  flow_moment moment_of(const test_flow& flow) { return harness_.engine().look(*flow.handle).moment; }

  harness harness_{GetParam()};
};

TEST_P(Look, TellsAnsweredFromBusy) {
  test_flow flow;
  begin(flow, true);
  EXPECT_EQ(moment_of(flow), flow_moment::busy) << "nothing was said";
  say(flow, ready_for_query);
  EXPECT_EQ(moment_of(flow), flow_moment::idle);
  ask(flow, "begin");
  EXPECT_EQ(moment_of(flow), flow_moment::busy);
  say(flow, in_transaction);
  EXPECT_EQ(moment_of(flow), flow_moment::in_transaction);
  ask(flow, "commit");
  say(flow, "row");
  EXPECT_EQ(moment_of(flow), flow_moment::busy) << "there is more to come";
  say(flow, ready_for_query);
  EXPECT_EQ(moment_of(flow), flow_moment::idle);
}

TEST_P(Look, TellsWhatCannotBeRead) {
  test_flow flow;
  begin(flow, false);
  EXPECT_EQ(moment_of(flow), flow_moment::unreadable);
  say(flow, ready_for_query);
  EXPECT_EQ(moment_of(flow), flow_moment::unreadable) << "these bytes only look like it";
}

TEST_P(Look, CountsWhatWasDelivered) {
  test_flow flow;
  begin(flow, true);
  say(flow, ready_for_query);
  ask(flow, "select");
  const flow_view seen = harness_.engine().look(*flow.handle);
  EXPECT_EQ(seen.bytes[0], 6U);
  EXPECT_EQ(seen.bytes[1], 6U);
  EXPECT_FALSE(seen.is_half_closed);
}

// The end of the answer has come, and a part of it is still here.
TEST_P(Look, WhoHasNotGotItsAnswerIsBusy) {
  test_flow flow;
  begin(flow, true);
  say(flow, ready_for_query);
  ask(flow, "select");
  const std::string rows(4096, 'r');
  (void)harness_.fill(flow.backend.theirs, rows);
  send_some(flow.backend.theirs, ready_for_query);
  harness_.run_ready();
  ASSERT_EQ(harness_.engine().stalled_flows(), 1U);
  EXPECT_EQ(moment_of(flow), flow_moment::busy);
}

TEST_P(Look, TellsThatOneSideHasEnded) {
  test_flow flow;
  begin(flow, true);
  say(flow, ready_for_query);
  flow.client.theirs.reset();
  EXPECT_TRUE(harness_.run_until([&] {
    (void)harness_.engine().step();
    return harness_.engine().look(*flow.handle).is_half_closed;
  }));
  EXPECT_FALSE(flow.has_ended());
}

INSTANTIATE_TEST_SUITE_P(Engines, Look, each_engine(), engine_name);

}  // namespace
}  // namespace pgsteer::relay::testing
