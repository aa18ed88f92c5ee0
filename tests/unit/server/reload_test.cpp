// What of a new configuration has to wait for a new process.
#include "server/reload.hpp"

#include <gtest/gtest.h>

namespace pgsteer::server {
namespace {

TEST(KeepUntilRestart, NamesWhatDiffersAndSetsItBack) {
  config::config present;
  present.workers = 2;
  present.settings = {{"workers", "2"}, {"relay.engine", "auto"}};
  config::config next = present;
  EXPECT_TRUE(keep_until_restart(present, next).empty());
  next.workers = 4;
  next.relay.engine = relay::engine_choice::epoll;
  next.relay.buffer_bytes = 4096;
  next.settings = {{"workers", "4"}, {"relay.engine", "epoll"}};
  EXPECT_EQ(keep_until_restart(present, next), (std::vector<std::string>{"workers", "relay.engine"}));
  EXPECT_EQ(next.workers, 2U);
  EXPECT_EQ(next.relay.engine, relay::engine_choice::automatic);
  EXPECT_EQ(next.relay.buffer_bytes, 4096U);
  EXPECT_EQ(next.settings, present.settings);
}

}  // namespace
}  // namespace pgsteer::server
