// Which sockets take bytes again, and the spinning that this is there to avoid.
#include "relay/room_watch.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <vector>

#include "unit/relay/socket_pair.hpp"

namespace pgsteer::relay::testing {
namespace {

struct watched_socket {
  socket_pair sockets = make_pair_of(socket_kind::tcp);
  bool is_known = false;

  void fill() {
    const std::string block(64 * 1024, 'x');
    // The kernel moves room from one end to the other for a while.
    for (int quiet = 0; quiet < 3;) quiet = send_some(sockets.ours, block) == 0 ? quiet + 1 : 0;
  }
  void drain() { (void)read_available(sockets.theirs); }
};

class RoomWatch : public ::testing::Test {
 protected:
  void await(watched_socket& socket) {
    EXPECT_EQ(watch_.await(socket.sockets.ours.value(), socket.is_known, &socket), 0);
  }
  void forget(watched_socket& socket) { watch_.forget(socket.sockets.ours.value(), socket.is_known); }
  bool is_readable(int wait_ms = 0) {
    pollfd waited{watch_.fd(), POLLIN, 0};
    return ::poll(&waited, 1, wait_ms) == 1;
  }
  bool becomes_readable() { return is_readable(60'000); }
  std::vector<void*> take() {
    std::vector<void*> taken;
    watch_.take([&](void* who) { taken.push_back(who); });
    return taken;
  }

  room_watch watch_{net::unique_fd(::epoll_create1(EPOLL_CLOEXEC))};
};

TEST_F(RoomWatch, TellsOnceWhoHasRoom) {
  watched_socket full;
  full.fill();
  await(full);
  EXPECT_FALSE(is_readable());
  EXPECT_TRUE(take().empty());
  full.drain();
  ASSERT_TRUE(becomes_readable());
  EXPECT_EQ(take(), std::vector<void*>{&full});
  EXPECT_FALSE(is_readable()) << "told, and not asked again";
}

TEST_F(RoomWatch, TellsAgainWhenAskedAgain) {
  watched_socket full;
  for (int round = 0; round < 3; ++round) {
    SCOPED_TRACE(round);
    full.fill();
    await(full);
    EXPECT_FALSE(is_readable());
    full.drain();
    ASSERT_TRUE(becomes_readable());
    EXPECT_EQ(take(), std::vector<void*>{&full});
  }
}

// io_uring's own poll would report the peer's FIN again and again.
TEST_F(RoomWatch, IsSilentAboutAPeerThatHasClosedItsHalfAndDoesNotRead) {
  watched_socket full;
  full.fill();
  shut_down_writing(full.sockets.theirs);
  while (!is_at_end(full.sockets.ours)) continue;
  await(full);
  EXPECT_FALSE(is_readable(20));
  full.drain();
  ASSERT_TRUE(becomes_readable());
  EXPECT_EQ(take(), std::vector<void*>{&full});
}

TEST_F(RoomWatch, TellsOfASocketThatHasFailed) {
  watched_socket full;
  full.fill();
  await(full);
  reset(full.sockets.theirs);
  ASSERT_TRUE(becomes_readable());
  EXPECT_EQ(take(), std::vector<void*>{&full});
}

TEST_F(RoomWatch, SaysNothingOfWhomItForgot) {
  watched_socket full;
  full.fill();
  await(full);
  forget(full);
  forget(full);  // nothing more
  full.drain();
  EXPECT_FALSE(is_readable(20));
  await(full);
  EXPECT_TRUE(is_readable()) << "it may come back";
}

TEST_F(RoomWatch, TellsOfSoManyInOneGoAndOfTheRestInTheNext) {
  constexpr std::size_t extra = 3;
  std::vector<watched_socket> roomy(room_watch::events_max + extra);
  for (watched_socket& socket : roomy) await(socket);
  EXPECT_EQ(take().size(), room_watch::events_max);
  EXPECT_TRUE(is_readable());
  EXPECT_EQ(take().size(), extra);
  EXPECT_FALSE(is_readable());
}

TEST(RoomWatchErrors, ASocketThatCannotBeWatchedIsSaid) {
  room_watch watch(net::unique_fd(::epoll_create1(EPOLL_CLOEXEC)));
  bool is_known = false;
  EXPECT_EQ(watch.await(-1, is_known, nullptr), EBADF);
  EXPECT_FALSE(is_known);
}

}  // namespace
}  // namespace pgsteer::relay::testing
