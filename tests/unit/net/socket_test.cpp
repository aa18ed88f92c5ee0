#include "pgsteer/net/socket.hpp"

#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>

#include "pgsteer/net/errc.hpp"
#include "unit/net/tcp_pair.hpp"

namespace pgsteer::net {
namespace {

using testing::tcp_pair;

int option(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(fd, level, name, &value, &size), 0);
  return value;
}

TEST(Configure, SetsEveryOption) {
  tcp_pair pair;
  tcp_options options;
  options.keepalive_idle = seconds{31};
  options.keepalive_interval = seconds{11};
  options.keepalive_count = 4;
  options.user_timeout = milliseconds{61'000};
  const int fd = pair.near.native_handle();
  ASSERT_FALSE(configure(fd, options));
  EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 31);
  EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 11);
  EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_KEEPCNT), 4);
  EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 61'000);
}

TEST(Configure, ReportsABadDescriptor) {
  EXPECT_EQ(configure(-1, {}).value(), EBADF);
}

// From one address to all of them: the new socket listens before the old one is closed.
TEST(Listen, MayFollowASocketOfOursWithTheSamePort) {
  boost::asio::io_context context;
  for (const char* const host : {"0.0.0.0", "127.0.0.1"}) {
    auto first = listen(context, {"127.0.0.1", 0});
    ASSERT_TRUE(first);
    const std::uint16_t port = to_endpoint(first->local_endpoint()).port;
    auto other = listen(context, {"127.0.0.1", 0});
    ASSERT_TRUE(other);
    const std::array before{other->native_handle(), first->native_handle()};
    ASSERT_EQ(listen(context, {host, port}, std::span(before).first(1)).error().value(), EADDRINUSE);
    auto second = listen(context, {host, port}, before);
    ASSERT_TRUE(second) << second.error().message();
    EXPECT_EQ(option(first->native_handle(), SOL_SOCKET, SO_REUSEPORT), 0) << "for that moment only";
    first->close();
    EXPECT_EQ(listen(context, {"127.0.0.1", port}).error().value(), EADDRINUSE);
  }
}

TEST(Listen, GivesAFreePortAndRefusesATakenOne) {
  boost::asio::io_context context;
  const auto first = listen(context, {"127.0.0.1", 0});
  ASSERT_TRUE(first);
  const std::uint16_t port = to_endpoint(first->local_endpoint()).port;
  EXPECT_NE(port, 0);
  EXPECT_EQ(listen(context, {"127.0.0.1", port}).error().value(), EADDRINUSE);
}

TEST(IsLocalTrouble, BlamesThisHostAlone) {
  const auto of = [](int value) { return error_code(value, boost::system::system_category()); };
  for (const int value : {EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL})
    EXPECT_TRUE(is_local_trouble(of(value)));
  for (const int value : {ECONNREFUSED, ECONNRESET, ETIMEDOUT, EHOSTUNREACH})
    EXPECT_FALSE(is_local_trouble(of(value)));
  EXPECT_FALSE(is_local_trouble(make_error_code(errc::not_numeric)));
}

TEST(Peek, TellsBytesFromSilenceAndTheEnd) {
  tcp_pair pair;
  const int fd = pair.near.native_handle();
  EXPECT_EQ(peek(fd), pending_input::nothing);
  boost::asio::write(pair.far, boost::asio::buffer("x", 1));
  pair.near.wait(tcp::socket::wait_read);
  EXPECT_EQ(peek(fd), pending_input::bytes);
  char byte = 0;
  boost::asio::read(pair.near, boost::asio::buffer(&byte, 1));
  EXPECT_EQ(byte, 'x');
  pair.far.close();
  pair.near.wait(tcp::socket::wait_read);
  EXPECT_EQ(peek(fd), pending_input::end_or_error);
}

TEST(Unacknowledged, CountsWhatThePeerHasNoRoomFor) {
  tcp_pair pair;
  const int fd = pair.near.native_handle();
  EXPECT_EQ(unacknowledged(fd), 0U);
  EXPECT_EQ(unacknowledged(-1), 0U);
  pair.near.non_blocking(true);
  const std::string much(16U << 20U, 'x');
  error_code ec;
  std::string got(pair.near.write_some(boost::asio::buffer(much), ec), '\0');
  EXPECT_NE(unacknowledged(fd), 0U);
  EXPECT_NE(unsent(fd), 0U);
  boost::asio::read(pair.far, boost::asio::buffer(got), ec);
  while (!ec && unacknowledged(fd) != 0) continue;  // its kernel tells ours soon
  EXPECT_FALSE(ec);
  EXPECT_EQ(unsent(fd), 0U);
  EXPECT_EQ(unsent(-1), 0U);
}

TEST(CloseWithReset, IsSeenAsAReset) {
  tcp_pair pair;
  reset_on_close(pair.near.native_handle());
  pair.near.close();
  char byte = 0;
  error_code ec;
  boost::asio::read(pair.far, boost::asio::buffer(&byte, 1), ec);
  EXPECT_EQ(ec.value(), ECONNRESET);
}

}  // namespace
}  // namespace pgsteer::net
