// Flows beside one another: fairness, lifetime in one batch, leaks.
#include <gtest/gtest.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>

#include "unit/relay/harness.hpp"

namespace pgsteer::relay::testing {
namespace {

class ManyFlows : public on_each_engine {};

// A bulk transfer leaves its neighbour a place in every turn: the small one waits for one budget, not for the
// end of the bulk.
// One receives, and io_uring sends with the next.
constexpr std::size_t turns_of_a_message = 2;

void take_turns(harness& engine, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) engine.engine().step();
}

TEST_P(ManyFlows, ABulkFlowDoesNotHoldUpASmallOne) {
  relay_options options;
  options.buffer_bytes = 1024;
  options.reads_per_turn_max = 4;
  harness engine(GetParam(), options);
  test_flow bulk;
  test_flow small;
  engine.start(bulk);
  engine.start(small);
  engine.run_ready();
  ASSERT_EQ(send_some(bulk.client.theirs, std::string(100 * 1024, 'x')), 100U * 1024U);
  ASSERT_EQ(send_some(small.client.theirs, "q"), 1U);
  for (int round = 0; round < 10; ++round) {
    const std::size_t bulk_before = read_available(bulk.backend.theirs).size();
    // What begins within the budget of a turn may end beyond it.
    EXPECT_LE(bulk_before, turns_of_a_message * (options.reads_per_turn_max + 1) * options.buffer_bytes);
    take_turns(engine, turns_of_a_message);
    EXPECT_EQ(read_available(small.backend.theirs), "q") << "round " << round;
    send_some(small.client.theirs, "q");
  }
  EXPECT_LT(engine.counters.bytes[0].value(), 100U * 1024U) << "the bulk flow was over too soon to compete";
}

TEST_P(ManyFlows, ABulkDirectionDoesNotHoldUpTheOther) {
  relay_options options;
  options.buffer_bytes = 1024;
  options.reads_per_turn_max = 2;
  for (const bool is_bulk_from_client : {true, false}) {
    harness engine(GetParam(), options);
    test_flow flow;
    engine.start(flow);
    engine.run_ready();
    const auto& bulk = is_bulk_from_client ? flow.client.theirs : flow.backend.theirs;
    const auto& small = is_bulk_from_client ? flow.backend.theirs : flow.client.theirs;
    ASSERT_EQ(send_some(bulk, std::string(100 * 1024, 'x')), 100U * 1024U);
    ASSERT_EQ(send_some(small, "q"), 1U);
    take_turns(engine, turns_of_a_message);
    EXPECT_EQ(read_available(bulk), "q");
  }
}

TEST_P(ManyFlows, TenThousandShortSessionsLeaveNothingOpen) {
  harness engine(GetParam());
  const std::size_t open_before = open_descriptors();
  for (int i = 0; i < 10'000; ++i) {
    test_flow flow;
    engine.start(flow);
    send_some(flow.client.theirs, "q");
    if (i % 2 == 0) flow.client.theirs.reset();
    ASSERT_EQ(engine.receive(flow.backend.theirs, 1), "q");
    flow.backend.theirs.reset();
    if (i % 2 != 0) flow.client.theirs.reset();
    ASSERT_TRUE(engine.run_until([&] { return flow.has_ended(); }));
  }
  EXPECT_EQ(open_descriptors(), open_before);
  EXPECT_EQ(engine.engine().flow_count(), 0U);
}

// Every end destroys its own flow's sockets and owner, and stops a neighbour whose events are in the same
// batch.
TEST_P(ManyFlows, OwnersMayDestroyThemselvesAndStopOthersInOnEnd) {
  constexpr std::size_t count = 200;  // two events each: more than one batch
  harness engine(GetParam());
  std::vector<std::unique_ptr<test_flow>> flows;
  std::size_t ends = 0;
  for (std::size_t i = 0; i < count; ++i) {
    flows.push_back(std::make_unique<test_flow>());
    engine.start(*flows.back());
    flows.back()->owner.then = [&, i] {
      ++ends;
      const std::size_t neighbour = i ^ 1U;
      if (flows[neighbour] != nullptr) engine.engine().stop(*flows[neighbour]->handle);
      engine.engine().stop(*flows[i]->handle);
      flows[i].reset();
    };
  }
  engine.run_ready();
  for (const auto& flow : flows) {
    send_some(flow->client.theirs, "last words");
    flow->client.theirs.reset();
    flow->backend.theirs.reset();
  }
  ASSERT_TRUE(engine.run_until([&] { return ends == count; }));
  EXPECT_EQ(engine.engine().flow_count(), 0U);
  for (const auto& flow : flows) EXPECT_EQ(flow, nullptr);
}

TEST_P(ManyFlows, AWatcherMayStopAFlowThatIsReadyInTheSameTurn) {
  harness engine(GetParam());
  test_flow first;
  test_flow second;
  for (test_flow* flow : {&first, &second}) {
    flow_start start = flow->start();
    start.is_watched = true;
    flow->handle = engine.engine().start(start);
  }
  engine.run_ready();
  first.owner.on_verdict = [&](std::string_view) {
    engine.engine().stop(*second.handle);
    return watch_verdict::done;
  };
  second.owner.on_verdict = [&](std::string_view) {
    engine.engine().stop(*first.handle);
    return watch_verdict::done;
  };
  send_some(first.backend.theirs, "R");
  send_some(second.backend.theirs, "R");
  engine.run_ready();
  EXPECT_NE(first.has_ended(), second.has_ended()) << "whoever came first stopped the other";
  test_flow& ended = first.has_ended() ? first : second;
  test_flow& alive = first.has_ended() ? second : first;
  EXPECT_EQ(ended.owner.views, 0U);
  EXPECT_EQ(read_available(ended.client.theirs), "");
  EXPECT_EQ(engine.receive(alive.client.theirs, 1), "R");
}

TEST_P(ManyFlows, OnEndMayStartTheNextFlow) {
  harness engine(GetParam());
  std::vector<std::unique_ptr<test_flow>> flows;
  std::function<void()> start_next = [&] {
    flows.push_back(std::make_unique<test_flow>());
    flows.back()->owner.then = [&] {
      if (flows.size() < 5) start_next();
    };
    engine.start(*flows.back());
    flows.back()->client.theirs.reset();
    flows.back()->backend.theirs.reset();
  };
  start_next();
  ASSERT_TRUE(engine.run_until([&] { return flows.size() == 5 && flows.back()->has_ended(); }));
}

TEST_P(ManyFlows, AnEngineIsDestroyedWithLiveFlowsAndPendingEnds) {
  harness engine(GetParam());
  std::vector<std::unique_ptr<test_flow>> flows;
  for (int i = 0; i < 20; ++i) {
    flows.push_back(std::make_unique<test_flow>());
    engine.start(*flows.back());
  }
  engine.run_ready();
  for (int i = 0; i < 10; ++i) engine.engine().stop(*flows[static_cast<std::size_t>(i)]->handle);
  engine.destroy_engine();
  engine.context.poll();  // what it has left there
  for (const auto& flow : flows) EXPECT_FALSE(flow->has_ended());
}

unsigned user_timeout(const net::unique_fd& fd) {
  unsigned value_ms = 1;
  socklen_t size = sizeof value_ms;
  EXPECT_EQ(::getsockopt(fd.value(), IPPROTO_TCP, TCP_USER_TIMEOUT, &value_ms, &size), 0);
  return value_ms;
}

// A client that does not read keeps its session, whatever its place among the others.
TEST_P(ManyFlows, TicksGuardEveryFlowInTurn) {
  harness engine(GetParam());
  std::vector<std::unique_ptr<test_flow>> flows;
  const unsigned timeout_ms = 60'000;
  for (int i = 0; i < 25; ++i) {
    flows.push_back(std::make_unique<test_flow>(socket_kind::tcp));
    ASSERT_EQ(::setsockopt(flows.back()->client.ours.value(), IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms,
                           sizeof timeout_ms),
              0);
    engine.start(*flows.back());
  }
  const std::string block(256 * 1024, 'x');
  std::size_t rounds = 0;
  const bool all_guarded = engine.run_until([&] {
    for (const auto& flow : flows) send_some(flow->backend.theirs, block);
    if (++rounds % 100 != 0) return false;  // let the windows close in between
    for (std::size_t i = 0; i < epoll_engine::ticks_per_guard_round; ++i) engine.engine().tick(time_point{});
    return std::all_of(flows.begin(), flows.end(),
                       [](const auto& flow) { return user_timeout(flow->client.ours) == 0; });
  });
  EXPECT_TRUE(all_guarded);
}

INSTANTIATE_TEST_SUITE_P(Engines, ManyFlows, each_engine(), engine_name);

}  // namespace
}  // namespace pgsteer::relay::testing
