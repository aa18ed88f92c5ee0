#include <gtest/gtest.h>

#include <random>

#include "unit/relay/harness.hpp"

namespace pgsteer::relay::testing {
namespace {

class Transfer : public on_each_engine_and_socket {};

// One direction as the test plays it: random chunks in, random reads out.
struct choppy_stream {
  const net::unique_fd& from;
  const net::unique_fd& to;
  std::string sent;
  std::size_t sent_bytes = 0;
  std::string received = {};

  void move(std::mt19937_64& random) {
    const std::size_t chunk = random() % (random() % 4 == 0 ? 300'000 : 5'000);
    if (sent_bytes < sent.size())
      sent_bytes += send_some(from, std::string_view(sent).substr(sent_bytes, chunk));
    received += read_available(to, random() % 200'000);
  }
  [[nodiscard]] bool is_complete() const { return received.size() == sent.size(); }
};

TEST_P(Transfer, IsByteExactBothWaysAtOnce) {
  constexpr std::uint64_t seed = 20'240'501;
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  harness engine(choice());
  test_flow flow(kind());
  metrics::byte_tally tally;
  flow_start start = flow.start();
  start.tally = &tally;
  flow.handle = engine.engine().start(start);
  choppy_stream out{flow.client.theirs, flow.backend.theirs, random_bytes(seed, 24 << 20)};
  choppy_stream in{flow.backend.theirs, flow.client.theirs, random_bytes(seed + 1, 24 << 20)};
  ASSERT_TRUE(engine.run_until([&] {
    out.move(random);
    in.move(random);
    EXPECT_LE(engine.engine().stuck_bytes_held(), 2U * engine.engine().stuck_bytes_max());
    return out.is_complete() && in.is_complete();
  }));
  EXPECT_TRUE(out.received == out.sent);
  EXPECT_TRUE(in.received == in.sent);

  flow.client.theirs.reset();
  flow.backend.theirs.reset();
  ASSERT_TRUE(engine.run_until([&] { return flow.has_ended(); }));
  EXPECT_EQ(flow.owner.summary->bytes, (std::array<std::uint64_t, 2>{out.sent.size(), in.sent.size()}));
  EXPECT_EQ(engine.counters.bytes[0].value(), out.sent.size());
  EXPECT_EQ(engine.counters.bytes[1].value(), in.sent.size());
  EXPECT_EQ(tally.bytes[0].value(), out.sent.size());
  EXPECT_EQ(tally.bytes[1].value(), in.sent.size());
}

// A client that stops reading a large result must cost no more than one read's worth of memory, and find
// every byte when it goes on.
TEST_P(Transfer, AStalledReaderBoundsMemoryAndResumesByteExact) {
  relay_options options;
  options.splice = toggle::off;  // else it is in a pipe, see splice_test.cpp
  harness engine(choice(), options);
  test_flow flow(kind());
  engine.start(flow);
  const std::string result = random_bytes(7, 32 << 20);
  std::size_t sent = engine.fill(flow.backend.theirs, result);
  ASSERT_LT(sent, result.size()) << "the backend was never held back";
  EXPECT_LE(engine.engine().stuck_bytes_held(), engine.engine().stuck_bytes_max());
  EXPECT_GT(engine.counters.stalls.value(), 0U);

  // The other direction is not held up.
  ASSERT_EQ(send_some(flow.client.theirs, "still here"), 10U);
  EXPECT_EQ(engine.receive(flow.backend.theirs, 10), "still here");

  std::string received;
  ASSERT_TRUE(engine.run_until([&] {
    sent += send_some(flow.backend.theirs, std::string_view(result).substr(sent));
    received += read_available(flow.client.theirs);
    return received.size() == result.size();
  }));
  EXPECT_TRUE(received == result);
  engine.run_ready();
  EXPECT_EQ(engine.engine().stuck_bytes_held(), 0U) << "memory is given back with the last byte";
}

TEST_P(Transfer, WorksWithTheSmallestBufferAndBudget) {
  relay_options options;
  options.buffer_bytes = 1;
  options.reads_per_turn_max = 1;
  harness engine(choice(), options);
  test_flow flow(kind());
  engine.start(flow);
  const std::string text = random_bytes(3, 2000);
  ASSERT_EQ(send_some(flow.client.theirs, text), text.size());
  ASSERT_EQ(send_some(flow.backend.theirs, text), text.size());
  EXPECT_EQ(engine.receive(flow.backend.theirs, text.size()), text);
  EXPECT_EQ(engine.receive(flow.client.theirs, text.size()), text);
}

INSTANTIATE_TEST_SUITE_P(Engines, Transfer, each_engine_and_socket(), engine_and_socket_name);

class TransferOnEachEngine : public on_each_engine {};

// What was in the sockets before start() brings no edge of its own later.
TEST_P(TransferOnEachEngine, MovesWhatArrivedBeforeTheStart) {
  harness engine(GetParam());
  test_flow flow;
  send_some(flow.client.theirs, "query");
  send_some(flow.backend.theirs, "notice");
  engine.start(flow);
  EXPECT_EQ(engine.receive(flow.backend.theirs, 5), "query");
  EXPECT_EQ(engine.receive(flow.client.theirs, 6), "notice");
}

TEST_P(TransferOnEachEngine, AnIdleFlowOwnsNoBuffer) {
  harness engine(GetParam());
  test_flow flow;
  engine.start(flow);
  for (int i = 0; i < 10; ++i) {
    send_some(flow.client.theirs, "query");
    ASSERT_EQ(engine.receive(flow.backend.theirs, 5), "query");
    EXPECT_EQ(engine.engine().stuck_bytes_held(), 0U);
  }
  EXPECT_LE(sizeof(epoll_flow), 512U);
  EXPECT_LE(sizeof(uring_flow), 768U);
}

INSTANTIATE_TEST_SUITE_P(Engines, TransferOnEachEngine, each_engine(), engine_name);

}  // namespace
}  // namespace pgsteer::relay::testing
