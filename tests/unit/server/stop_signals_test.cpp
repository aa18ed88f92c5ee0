// Who is impatient, and who has only been told twice.
#include "server/stop_signals.hpp"

#include <gtest/gtest.h>

namespace pgsteer::server {
namespace {

using enum stop_signals::meaning;

constexpr time_point start{seconds{100}};

TEST(StopSignals, TheFirstOneBegins) {
  for (const int number : {SIGTERM, SIGINT}) EXPECT_EQ(stop_signals().take(number, start), begin);
}

TEST(StopSignals, SigtermMayBeRepeated) {
  stop_signals signals;
  EXPECT_EQ(signals.take(SIGTERM, start), begin);
  EXPECT_EQ(signals.take(SIGTERM, start + milliseconds{1}), nothing_new);
  EXPECT_EQ(signals.take(SIGTERM, start + seconds{9}), nothing_new);
}

TEST(StopSignals, CtrlCTwiceIsImpatience) {
  stop_signals signals;
  EXPECT_EQ(signals.take(SIGINT, start), begin);
  EXPECT_EQ(signals.take(SIGINT, start + milliseconds{1}), impatience);
}

// A wrapper passes on what the whole group got.
TEST(StopSignals, TwoInOneActAreOne) {
  stop_signals signals;
  EXPECT_EQ(signals.take(SIGINT, start), begin);
  EXPECT_EQ(signals.take(SIGTERM, start + milliseconds{999}), nothing_new);
  EXPECT_EQ(signals.take(SIGTERM, start + seconds{1}), impatience);
}

TEST(StopSignals, CtrlCLongAfterSigtermIsImpatience) {
  stop_signals signals;
  EXPECT_EQ(signals.take(SIGTERM, start), begin);
  EXPECT_EQ(signals.take(SIGINT, start + milliseconds{10}), nothing_new);
  EXPECT_EQ(signals.take(SIGINT, start + seconds{2}), impatience);
}

}  // namespace
}  // namespace pgsteer::server
