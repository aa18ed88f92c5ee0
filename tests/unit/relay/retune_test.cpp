// A reload changes an engine that has flows.
#include <gtest/gtest.h>

#include "unit/relay/harness.hpp"

namespace pgsteer::relay::testing {
namespace {

class Retune : public on_each_engine {
 protected:
  harness engine_{GetParam()};
  test_flow flow_;
};

TEST_P(Retune, MovesEveryByteWithBuffersOfAnySize) {
  engine_.start(flow_);
  std::size_t sent = 0;
  for (const std::uint32_t bytes : {4096U, 1U << 20U, 8192U}) {
    engine_.engine().retune({.buffer_bytes = bytes, .reads_per_turn_max = 3});
    const std::string block = random_bytes(bytes, 100'000);
    for (std::size_t at = 0; at < block.size();) {
      at += send_some(flow_.client.theirs, std::string_view(block).substr(at, 30'000));
      engine_.run_ready();
      const std::string got = engine_.receive(flow_.backend.theirs, at - sent % block.size());
      ASSERT_EQ(got, block.substr(sent % block.size(), got.size()));
      sent += got.size();
    }
  }
  EXPECT_EQ(sent, 300'000U);
}

// What is stuck was read into a larger buffer.
TEST_P(Retune, KeepsWhatIsStuck) {
  engine_.start(flow_);
  const std::string block = random_bytes(1, 1U << 16U);
  const std::size_t filled = engine_.fill(flow_.client.theirs, block);
  ASSERT_GT(engine_.engine().stuck_bytes_held(), 0U);
  engine_.engine().retune({.buffer_bytes = 4096});
  const std::string got = engine_.receive(flow_.backend.theirs, filled);
  ASSERT_EQ(got.size(), filled);
  for (std::size_t at = 0; at < got.size(); ++at) ASSERT_EQ(got[at], block[at % block.size()]);
}

TEST_P(Retune, EndsHalfClosedFlowsByTheNewTimeout) {
  engine_.start(flow_);
  flow_.client.theirs.reset();
  engine_.run_ready();
  const time_point now = clock::now();
  engine_.engine().tick(now + seconds{20});
  engine_.run_ready();
  ASSERT_FALSE(flow_.has_ended()) << "30 s by default";
  engine_.engine().retune({.half_close_timeout = seconds{5}});
  engine_.engine().tick(now + seconds{20});
  engine_.engine().tick(now + seconds{40});
  engine_.run_ready();
  ASSERT_TRUE(flow_.has_ended());
}

TEST_P(Retune, LeavesTheEngineAsItIs) {
  const std::string before(engine_.engine().name());
  engine_.engine().retune({.engine = engine_choice::automatic});
  EXPECT_EQ(engine_.engine().name(), before);
}

INSTANTIATE_TEST_SUITE_P(Engines, Retune, each_engine(), engine_name);

}  // namespace
}  // namespace pgsteer::relay::testing
