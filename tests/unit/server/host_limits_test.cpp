// How many sessions the limit of open files allows.
#include "server/host_limits.hpp"

#include <gtest/gtest.h>

#include "pgsteer/relay/options.hpp"

namespace pgsteer::server {
namespace {

constexpr descriptor_use wanted{
    .sessions = 1'000'000, .workers = 8, .by_each_worker = 72, .lingering_by_each = 256};

TEST(HostLimits, LeavesRoomForTheWorkersAndEverythingElse) {
  EXPECT_EQ(fitting_in(65'536, wanted).sessions, (65'536 - 256 - 8 * (72 + 256)) / 2);
  EXPECT_EQ(fitting_in(10'000'000, wanted).sessions, 1'000'000U);
  EXPECT_EQ(fitting_in(65'536, wanted).lingering_by_each, 256U);
}

TEST(HostLimits, GivesSessionsHalfOfALowLimit) {
  EXPECT_EQ(fitting_in(4'096, wanted).sessions, 4'096 / 4);
  EXPECT_EQ(fitting_in(2, wanted).sessions, 1U);
  EXPECT_EQ(fitting_in(0, wanted).sessions, 1U);
  EXPECT_EQ(fitting_in(65'536, {.sessions = 10}).lingering_by_each, 1U) << "none is wanted";
}

// Whoever does not read takes no descriptor that a session, a probe or a listener needs.
TEST(HostLimits, LetsFewerSocketsLingerUnderALowLimit) {
  EXPECT_EQ(fitting_in(4'096, wanted).lingering_by_each, (4'096 / 2 - 256 - 8 * 72) / 8);
  EXPECT_EQ(fitting_in(1'024, wanted).lingering_by_each, 1U);
}

TEST(HostLimits, CountsThePipesOfAWorkerThatSplices) {
  relay::relay_options options;
  const std::uint32_t with_pipes = relay::descriptors_per_worker(options);
  options.splice = relay::toggle::off;
  EXPECT_EQ(with_pipes, relay::descriptors_per_worker(options) + 2 * 32);
}

}  // namespace
}  // namespace pgsteer::server
