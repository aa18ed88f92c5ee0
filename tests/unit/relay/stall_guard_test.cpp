#include "relay/stall_guard.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "support/eventually.hpp"
#include "unit/relay/socket_pair.hpp"

namespace pgsteer::relay {
namespace {

using testing::socket_kind;

void set_user_timeout(int fd, unsigned value_ms) {
  ASSERT_EQ(::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value_ms, sizeof value_ms), 0);
}
unsigned user_timeout(int fd) {
  unsigned value_ms = 0;
  socklen_t size = sizeof value_ms;
  EXPECT_EQ(::getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value_ms, &size), 0);
  return value_ms;
}
// Until the peer's window is closed.
void fill(const net::unique_fd& to) {
  const std::string block(256 * 1024, 'x');
  while (testing::send_some(to, block) != 0) continue;
}

// Looks again and again until the claim holds.
template <class Claim>
bool look_until(stall_guard& guard, const net::unique_fd& fd, Claim claim) {
  return test::eventually(test::patience, [&] {
    guard.look_at(fd.value());
    return claim();
  });
}

TEST(StallGuard, TakesTheTimeoutOffWhileThePeerDoesNotRead) {
  const auto pair = testing::make_pair_of(socket_kind::tcp);
  set_user_timeout(pair.ours.value(), 60'000);
  fill(pair.ours);
  stall_guard guard;
  // The last segment may be in flight for a moment.
  ASSERT_TRUE(look_until(guard, pair.ours, [&] { return guard.user_timeout_taken_ms != 0; }));
  EXPECT_EQ(user_timeout(pair.ours.value()), 0U);
  EXPECT_EQ(guard.user_timeout_taken_ms, 60'000U);

  guard.look_at(pair.ours.value());
  EXPECT_EQ(guard.user_timeout_taken_ms, 60'000U) << "remembers the value it took off, not the 0 it set";
}

TEST(StallGuard, PutsTheTimeoutBackWhenThePeerReadsAgain) {
  const auto pair = testing::make_pair_of(socket_kind::tcp);
  set_user_timeout(pair.ours.value(), 60'000);
  fill(pair.ours);
  stall_guard guard;
  ASSERT_TRUE(look_until(guard, pair.ours, [&] { return guard.user_timeout_taken_ms != 0; }));
  ASSERT_EQ(user_timeout(pair.ours.value()), 0U);

  ASSERT_TRUE(look_until(guard, pair.ours, [&] {
    (void)testing::read_available(pair.theirs);
    return guard.user_timeout_taken_ms == 0;
  }));
  EXPECT_EQ(user_timeout(pair.ours.value()), 60'000U);
}

TEST(StallGuard, LeavesOtherSocketsAlone) {
  const auto idle = testing::make_pair_of(socket_kind::tcp);
  set_user_timeout(idle.ours.value(), 60'000);
  const auto without_timeout = testing::make_pair_of(socket_kind::tcp);
  fill(without_timeout.ours);
  const auto not_tcp = testing::make_pair_of(socket_kind::unix_stream);
  fill(not_tcp.ours);
  for (const auto* pair : {&idle, &without_timeout, &not_tcp}) {
    stall_guard guard;
    for (int i = 0; i < 100; ++i) guard.look_at(pair->ours.value());
    EXPECT_EQ(guard.user_timeout_taken_ms, 0U);
  }
  EXPECT_EQ(user_timeout(idle.ours.value()), 60'000U);
}

}  // namespace
}  // namespace pgsteer::relay
