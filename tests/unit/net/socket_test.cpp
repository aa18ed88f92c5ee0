#include "pgsteer/net/socket.hpp"

#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>

#include "pgsteer/net/errc.hpp"

namespace pgsteer::net {
namespace {

int option(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(fd, level, name, &value, &size), 0);
  return value;
}

// A connected pair over loopback TCP.
struct tcp_pair {
  boost::asio::io_context context;
  tcp::socket near{context};
  tcp::socket far{context};
  tcp_pair() {
    tcp::acceptor acceptor(context, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
    near.connect(acceptor.local_endpoint());
    acceptor.accept(far);
  }
};

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

TEST(ToAddress, TakesLiteralsOnly) {
  EXPECT_EQ(to_address({"127.0.0.1", 5432})->port(), 5432);
  EXPECT_TRUE(to_address({"::1", 5432})->address().is_v6());
  EXPECT_EQ(to_address({"pg.example", 5432}).error(), make_error_code(errc::not_numeric));
}

TEST(Listen, GivesAFreePortAndRefusesATakenOne) {
  boost::asio::io_context context;
  const auto first = listen(context, {"127.0.0.1", 0});
  ASSERT_TRUE(first);
  const auto port = first->local_endpoint().port();
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

TEST(CloseWithReset, IsSeenAsAReset) {
  tcp_pair pair;
  close_with_reset(pair.near.native_handle());
  pair.near.close();
  char byte = 0;
  error_code ec;
  boost::asio::read(pair.far, boost::asio::buffer(&byte, 1), ec);
  EXPECT_EQ(ec.value(), ECONNRESET);
}

// A close with unread bytes would be a reset, and the last message would be lost.
TEST(FinishSending, DeliversTheLastMessageAlthoughBytesWereUnread) {
  tcp_pair pair;
  boost::asio::write(pair.far, boost::asio::buffer("unread", 6));
  pair.near.wait(tcp::socket::wait_read);
  send_best_effort(pair.near.native_handle(), as_bytes("bye"));
  finish_sending(pair.near.native_handle());
  pair.near.close();
  char text[4] = {};
  error_code ec;
  const auto n = boost::asio::read(pair.far, boost::asio::buffer(text), ec);
  EXPECT_EQ(std::string_view(text, n), "bye");
  EXPECT_EQ(ec, boost::asio::error::eof);
}

}  // namespace
}  // namespace pgsteer::net
