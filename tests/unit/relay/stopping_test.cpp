// stop(), the half-close time-out, and what the summary says about the moment.
#include <gtest/gtest.h>

#include "unit/relay/harness.hpp"
#include "unit/relay/ready_for_query.hpp"

namespace pgsteer::relay::testing {
namespace {

using namespace std::string_literals;

class Stopping : public on_each_engine {};

TEST_P(Stopping, TellsTheOwnerOnceAndNotFromInsideStop) {
  harness engine(GetParam());
  test_flow flow;
  engine.start(flow);
  engine.run_ready();
  engine.engine().stop(*flow.handle);
  engine.engine().stop(*flow.handle);
  EXPECT_FALSE(flow.has_ended());
  ASSERT_TRUE(engine.run_until([&] { return flow.has_ended(); }));
  engine.run_ready();
  EXPECT_EQ(flow.owner.ends, 1U);
  EXPECT_EQ(flow.end(), flow_end::stopped);
  EXPECT_EQ(engine.engine().flow_count(), 0U);
}

TEST_P(Stopping, MovesNothingAfterwards) {
  harness engine(GetParam());
  test_flow flow;
  engine.start(flow);
  engine.run_ready();
  send_some(flow.client.theirs, "too late");
  engine.engine().stop(*flow.handle);
  ASSERT_TRUE(engine.run_until([&] { return flow.has_ended(); }));
  EXPECT_EQ(read_available(flow.backend.theirs), "");
}

TEST_P(Stopping, WorksInEveryState) {
  struct state_case {
    const char* name;
    void (*prepare)(harness&, test_flow&);
  };
  const state_case cases[] = {
      {"never run", [](harness&, test_flow&) {}},
      {"idle", [](harness& engine, test_flow&) { engine.run_ready(); }},
      {"bytes waiting", [](harness&, test_flow& flow) { send_some(flow.client.theirs, "query"); }},
      {"half-closed by the client",
       [](harness& engine, test_flow& flow) {
         shut_down_writing(flow.client.theirs);
         engine.run_ready();
         EXPECT_TRUE(is_at_end(flow.backend.theirs));
       }},
      {"half-closed and seen by a tick",
       [](harness& engine, test_flow& flow) {
         shut_down_writing(flow.backend.theirs);
         engine.run_ready();
         engine.engine().tick(time_point{seconds{1}});
       }},
      {"stuck", [](harness& engine,
                   test_flow& flow) { (void)engine.fill(flow.backend.theirs, std::string(64 * 1024, 'x')); }},
      {"both sides gone, not yet noticed",
       [](harness&, test_flow& flow) {
         flow.client.theirs.reset();
         flow.backend.theirs.reset();
       }},
      {"wants another turn",
       [](harness& engine, test_flow& flow) {
         const std::string block(100 * 1024, 'x');
         send_some(flow.client.theirs, block);
         engine.engine().step();
       }},
  };
  for (const state_case& now : cases) {
    SCOPED_TRACE(now.name);
    relay_options options;
    options.buffer_bytes = 4096;
    harness engine(GetParam(), options);
    test_flow flow;
    engine.start(flow);
    now.prepare(engine, flow);
    engine.engine().stop(*flow.handle);
    ASSERT_TRUE(engine.run_until([&] { return flow.has_ended(); }));
    EXPECT_EQ(flow.end(), flow_end::stopped);
    EXPECT_EQ(flow.owner.ends, 1U);
    EXPECT_EQ(engine.engine().flow_count(), 0U);
    EXPECT_EQ(engine.engine().stuck_bytes_held(), 0U);
  }
}

struct idle_case {
  const char* name;
  bool is_readable;
  std::vector<std::string> backend_sends;
  std::string client_sends;        // relayed before the stop
  std::string client_sends_late;   // still in the socket at the stop
  std::string backend_sends_late;  // likewise
  bool expected;
};

TEST_P(Stopping, SaysWhetherTheSessionIsIdleOutsideATransaction) {
  const idle_case cases[] = {
      {"idle", true, {ready_for_query}, "", "", "", true},
      {"idle, message in pieces", true, {"C...Z", "\0\0"s, "\0\5"s, "I"}, "", "", "", true},
      {"encrypted or unknown", false, {ready_for_query}, "", "", "", false},
      {"in a transaction", true, {"Z\0\0\0\5T"s}, "", "", "", false},
      {"nothing was said", true, {}, "", "", "", false},
      {"a query is running", true, {ready_for_query}, "Q", "", "", false},
      {"a query has arrived", true, {ready_for_query}, "", "Q", "", false},
      {"a message to the client has arrived", true, {ready_for_query}, "", "", "A", false},
  };
  for (const idle_case& now : cases) {
    SCOPED_TRACE(now.name);
    harness engine(GetParam());
    test_flow flow;
    flow_start start = flow.start();
    start.is_watched = now.is_readable;
    flow.handle = engine.engine().start(start);
    for (const std::string& piece : now.backend_sends) {
      send_some(flow.backend.theirs, piece);
      ASSERT_EQ(engine.receive(flow.client.theirs, piece.size()), piece);
    }
    send_some(flow.client.theirs, now.client_sends);
    ASSERT_EQ(engine.receive(flow.backend.theirs, now.client_sends.size()), now.client_sends);
    if (!now.client_sends_late.empty()) send_some(flow.client.theirs, now.client_sends_late);
    if (!now.backend_sends_late.empty()) send_some(flow.backend.theirs, now.backend_sends_late);
    engine.engine().stop(*flow.handle);
    ASSERT_TRUE(engine.run_until([&] { return flow.has_ended(); }));
    EXPECT_EQ(flow.owner.summary->is_idle_outside_transaction, now.expected);
  }
}

TEST_P(Stopping, BytesStuckOnTheWayAreNotIdle) {
  harness engine(GetParam());
  test_flow flow;
  flow_start start = flow.start();
  start.is_watched = true;
  flow.handle = engine.engine().start(start);
  while (send_some(flow.client.ours, "filling the socket that the client does not read") != 0) continue;
  send_some(flow.backend.theirs, ready_for_query);
  ASSERT_TRUE(engine.run_until([&] { return engine.engine().stuck_bytes_held() == ready_for_query.size(); }));
  engine.engine().stop(*flow.handle);
  ASSERT_TRUE(engine.run_until([&] { return flow.has_ended(); }));
  EXPECT_FALSE(flow.owner.summary->is_idle_outside_transaction);
}

class HalfCloseTimeout : public on_each_engine {
 protected:
  // A tick at a made-up time, and what it caused.
  void tick(int second) {
    engine_.engine().tick(time_point{seconds{1000 + second}});
    engine_.run_ready();
  }
  harness engine_{GetParam()};  // half_close_timeout is 30 s
  test_flow flow_;
};

TEST_P(HalfCloseTimeout, EndsAFlowWhoseOtherSideStaysOpen) {
  engine_.start(flow_);
  shut_down_writing(flow_.client.theirs);
  engine_.run_ready();
  for (int second = 0; second < 30; ++second) tick(second);
  EXPECT_FALSE(flow_.has_ended());
  tick(30);
  ASSERT_TRUE(flow_.has_ended());
  EXPECT_EQ(flow_.end(), flow_end::half_closed_too_long);
}

TEST_P(HalfCloseTimeout, DoesNotTouchAFlowThatIsOpenBothWays) {
  engine_.start(flow_);
  engine_.run_ready();
  for (int second = 0; second < 300; ++second) tick(second);
  EXPECT_FALSE(flow_.has_ended());
}

TEST_P(HalfCloseTimeout, StartsAgainWhenBytesMove) {
  engine_.start(flow_);
  shut_down_writing(flow_.client.theirs);
  engine_.run_ready();
  tick(0);
  send_some(flow_.backend.theirs, "a late row");
  ASSERT_EQ(engine_.receive(flow_.client.theirs, 10), "a late row");
  tick(30);
  EXPECT_FALSE(flow_.has_ended());
  tick(59);
  EXPECT_FALSE(flow_.has_ended());
  tick(60);
  EXPECT_TRUE(flow_.has_ended());
}

TEST_P(HalfCloseTimeout, CoversAReaderThatNeverTakesTheRest) {
  engine_.start(flow_);
  (void)engine_.fill(flow_.backend.theirs, std::string(64 * 1024, 'x'));
  flow_.backend.theirs.reset();
  engine_.run_ready();
  EXPECT_FALSE(flow_.has_ended());
  tick(0);
  EXPECT_GT(read_available(flow_.client.theirs).size(), 0U);  // slow is not stalled
  engine_.run_ready();
  tick(30);
  EXPECT_FALSE(flow_.has_ended());
  tick(60);
  EXPECT_TRUE(flow_.has_ended());
}

INSTANTIATE_TEST_SUITE_P(Engines, Stopping, each_engine(), engine_name);

INSTANTIATE_TEST_SUITE_P(Engines, HalfCloseTimeout, each_engine(), engine_name);

}  // namespace
}  // namespace pgsteer::relay::testing
