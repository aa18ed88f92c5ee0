// The watcher of a login, and bytes that were read before the relay began.
#include <gtest/gtest.h>

#include "unit/relay/harness.hpp"

namespace pgsteer::relay::testing {
namespace {

class Watching : public on_each_engine {};

TEST_P(Watching, ShowsBytesFromTheBackendOnlyAndBeforeTheClientHasThem) {
  harness engine(GetParam());
  test_flow flow;
  flow_start start = flow.start();
  start.is_watched = true;
  flow.owner.on_verdict = [&](std::string_view) {
    EXPECT_EQ(read_available(flow.client.theirs), "");
    return watch_verdict::watching;
  };
  flow.handle = engine.engine().start(start);
  send_some(flow.client.theirs, "password");
  EXPECT_EQ(engine.receive(flow.backend.theirs, 8), "password");
  send_some(flow.backend.theirs, "R");
  EXPECT_EQ(engine.receive(flow.client.theirs, 1), "R");
  EXPECT_EQ(flow.owner.shown, "R");
}

TEST_P(Watching, ShowsNothingWhenNotAsked) {
  harness engine(GetParam());
  test_flow flow;
  engine.start(flow);
  send_some(flow.backend.theirs, "R");
  EXPECT_EQ(engine.receive(flow.client.theirs, 1), "R");
  EXPECT_EQ(flow.owner.views, 0U);
}

TEST_P(Watching, StopsShowingAfterDone) {
  harness engine(GetParam());
  test_flow flow;
  flow_start start = flow.start();
  start.is_watched = true;
  flow.owner.on_verdict = [](std::string_view) { return watch_verdict::done; };
  flow.handle = engine.engine().start(start);
  send_some(flow.backend.theirs, "first");
  EXPECT_EQ(engine.receive(flow.client.theirs, 5), "first");
  send_some(flow.backend.theirs, "second");
  EXPECT_EQ(engine.receive(flow.client.theirs, 6), "second");
  EXPECT_EQ(flow.owner.shown, "first");
}

// The verdict falls on the chunk that completes the message, wherever the reads cut it.
TEST_P(Watching, RefusedBytesNeverReachTheClient) {
  const std::string login = "S..in_hot_standby.on.";
  for (std::size_t cut = 1; cut < login.size(); ++cut) {
    SCOPED_TRACE(::testing::Message() << "cut at " << cut);
    harness engine(GetParam());
    test_flow flow;
    flow_start start = flow.start();
    start.is_watched = true;
    flow.owner.on_verdict = [&](std::string_view) {
      return flow.owner.shown == login ? watch_verdict::refuse : watch_verdict::watching;
    };
    flow.handle = engine.engine().start(start);
    send_some(flow.backend.theirs, login.substr(0, cut));
    ASSERT_EQ(engine.receive(flow.client.theirs, cut), login.substr(0, cut));
    send_some(flow.backend.theirs, login.substr(cut));
    ASSERT_TRUE(engine.run_until([&] { return flow.has_ended(); }));
    EXPECT_EQ(flow.end(), flow_end::refused);
    EXPECT_EQ(read_available(flow.client.theirs), "");
    EXPECT_EQ(flow.owner.summary->bytes[1], cut);
    EXPECT_EQ(flow.owner.ends, 1U);
  }
}

TEST_P(Watching, TheWatcherMayStopTheFlow) {
  harness engine(GetParam());
  test_flow flow;
  flow_start start = flow.start();
  start.is_watched = true;
  flow.owner.on_verdict = [&](std::string_view) {
    engine.engine().stop(*flow.handle);
    return watch_verdict::done;
  };
  flow.handle = engine.engine().start(start);
  send_some(flow.backend.theirs, "R");
  ASSERT_TRUE(engine.run_until([&] { return flow.has_ended(); }));
  EXPECT_EQ(flow.end(), flow_end::stopped);
  EXPECT_EQ(flow.owner.ends, 1U);
  EXPECT_EQ(read_available(flow.client.theirs), "");
}

TEST_P(Watching, InitialBytesGoFirstAndAreShownFromTheContext) {
  harness engine(GetParam());
  test_flow flow;
  std::string to_client = "R....";
  std::string to_backend = "startup";
  flow_start start = flow.start();
  start.is_watched = true;
  start.to_client = as_bytes(to_client);
  start.to_backend = as_bytes(to_backend);
  send_some(flow.client.theirs, " and more");
  send_some(flow.backend.theirs, "S....");
  flow.handle = engine.engine().start(start);
  to_client.assign(5, '!');  // start() has copied them
  to_backend.assign(7, '!');
  EXPECT_EQ(flow.owner.views, 0U);
  EXPECT_EQ(engine.receive(flow.backend.theirs, 16), "startup and more");
  EXPECT_EQ(engine.receive(flow.client.theirs, 10), "R....S....");
  EXPECT_EQ(flow.owner.shown, "R....S....");
  EXPECT_EQ(engine.engine().stuck_bytes_held(), 0U);
  engine.engine().stop(*flow.handle);
  ASSERT_TRUE(engine.run_until([&] { return flow.has_ended(); }));
  EXPECT_EQ(flow.owner.summary->bytes, (std::array<std::uint64_t, 2>{16, 10}));
}

TEST_P(Watching, InitialBytesMayBeRefused) {
  harness engine(GetParam());
  test_flow flow;
  flow_start start = flow.start();
  start.is_watched = true;
  start.to_client = as_bytes("R....");
  flow.owner.on_verdict = [](std::string_view) { return watch_verdict::refuse; };
  flow.handle = engine.engine().start(start);
  ASSERT_TRUE(engine.run_until([&] { return flow.has_ended(); }));
  EXPECT_EQ(flow.end(), flow_end::refused);
  EXPECT_EQ(read_available(flow.client.theirs), "");
  EXPECT_EQ(flow.owner.summary->bytes[1], 0U);
}

TEST_P(Watching, InitialBytesCountForIdleDetection) {
  harness engine(GetParam());
  test_flow flow;
  flow_start start = flow.start();
  start.is_watched = true;
  start.to_client = as_bytes(std::string_view("R...Z\0\0\0\5I", 10));
  flow.handle = engine.engine().start(start);
  EXPECT_EQ(engine.receive(flow.client.theirs, 10).size(), 10U);
  engine.engine().stop(*flow.handle);
  ASSERT_TRUE(engine.run_until([&] { return flow.has_ended(); }));
  EXPECT_TRUE(flow.owner.summary->is_idle_outside_transaction);
}

TEST_P(Watching, ABackendThatEndsBehindItsInitialBytesIsStillHeard) {
  harness engine(GetParam());
  test_flow flow;
  flow_start start = flow.start();
  start.is_watched = true;
  start.to_client = as_bytes("FATAL");
  flow.backend.theirs.reset();
  flow.handle = engine.engine().start(start);
  EXPECT_EQ(engine.receive(flow.client.theirs, 5), "FATAL");
  ASSERT_TRUE(engine.run_until([&] { return is_at_end(flow.client.theirs); }));
  flow.client.theirs.reset();
  ASSERT_TRUE(engine.run_until([&] { return flow.has_ended(); }));
  EXPECT_EQ(flow.end(), flow_end::backend_closed);
}

INSTANTIATE_TEST_SUITE_P(Engines, Watching, each_engine(), engine_name);

}  // namespace
}  // namespace pgsteer::relay::testing
