// How many sessions the limit of open files allows.
#include "server/host_limits.hpp"

#include <gtest/gtest.h>

#include "pgsteer/relay/options.hpp"

namespace pgsteer::server {
namespace {

TEST(HostLimits, LeavesRoomForTheWorkersAndEverythingElse) {
  EXPECT_EQ(sessions_fitting(1'000'000, 0), (1'000'000 - 256) / 2);
  EXPECT_EQ(sessions_fitting(65'536, 8 * 72), (65'536 - 256 - 8 * 72) / 2);
}

TEST(HostLimits, GivesSessionsHalfOfALowLimit) {
  EXPECT_EQ(sessions_fitting(1024, 100 * 72), 1024 / 4);
  EXPECT_EQ(sessions_fitting(2, 0), 1U);
  EXPECT_EQ(sessions_fitting(0, 0), 1U);
}

TEST(HostLimits, CountsThePipesOfAWorkerThatSplices) {
  relay::relay_options options;
  const std::uint32_t with_pipes = relay::descriptors_per_worker(options);
  options.splice = relay::toggle::off;
  EXPECT_EQ(with_pipes, relay::descriptors_per_worker(options) + 2 * 32);
}

}  // namespace
}  // namespace pgsteer::server
