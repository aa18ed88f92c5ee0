// The operations of a socket that no flow has yet, in a worker's loop.
#include "session/login_socket.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio/error.hpp>
#include <optional>
#include <string>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/net/spawn.hpp"
#include "pgsteer/relay/loop.hpp"

namespace pgsteer::session {
namespace {

namespace asio = boost::asio;

class LoginSocket : public ::testing::TestWithParam<relay::engine_choice> {
 protected:
  void SetUp() override {
    relay::relay_options options;
    options.engine = GetParam();
    loop_ = std::move(relay::loop::make(context_, options, counters_).value());
    const bool is_denied =
        GetParam() == relay::engine_choice::io_uring && loop_->engine().name() != "io_uring";
    if (is_denied) GTEST_SKIP() << "this kernel denies the engine";
    socket_.emplace(context_, loop_->engine());
    socket_->take(connect());
  }

  // Ours; the other end becomes theirs_.
  net::unique_fd connect() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    theirs_.reset(ends[1]);
    return net::unique_fd(ends[0]);
  }
  void send(std::string_view text) const {
    ASSERT_EQ(::send(theirs_.value(), text.data(), text.size(), MSG_NOSIGNAL), std::ssize(text));
  }
  template <class Claim>
  [[nodiscard]] bool run_until(Claim claim) {
    const time_point give_up = clock::now() + seconds{30};
    loop_->wake();
    while (!claim()) {
      if (clock::now() > give_up) return false;
      loop_->step(false);
    }
    return true;
  }
  // What the test has posted, and what that has led to.
  void run_ready() {
    loop_->wake();
    while (loop_->step(false)) continue;
  }

  // What one read gave; nothing while it is under way.
  asio::awaitable<void> read() {
    const auto [ec, n] = co_await socket_->read_some(buffer_);
    read_ = login_socket::received{ec, n};
  }
  void start_reading() {
    read_.reset();
    net::spawn(context_, read(), "test");
    run_ready();
  }
  asio::awaitable<void> write(std::string text) {
    const error_code ec = co_await socket_->write(as_bytes(text));
    written_ = ec;
  }
  [[nodiscard]] std::string_view bytes() const { return as_text(byte_span(buffer_).first(read_->n)); }

  asio::io_context context_{1};
  metrics::relay_counters counters_;
  std::unique_ptr<relay::loop> loop_;
  net::unique_fd theirs_;
  std::optional<login_socket> socket_;
  std::array<std::uint8_t, 100> buffer_{};
  std::optional<login_socket::received> read_;
  std::optional<error_code> written_;
};

TEST_P(LoginSocket, ReadsWhatIsThereWithoutWaiting) {
  send("hello");
  net::spawn(context_, read(), "test");
  context_.poll();  // the engine has no turn
  ASSERT_TRUE(read_);
  EXPECT_FALSE(read_->ec);
  EXPECT_EQ(bytes(), "hello");
}

TEST_P(LoginSocket, WaitsForWhatIsToCome) {
  for (const std::string text : {"one", "two"}) {
    start_reading();
    ASSERT_FALSE(read_);
    send(text);
    ASSERT_TRUE(run_until([&] { return read_.has_value(); }));
    EXPECT_EQ(bytes(), text);
  }
  start_reading();
  theirs_.reset();
  ASSERT_TRUE(run_until([&] { return read_.has_value(); }));
  EXPECT_EQ(read_->ec, asio::error::eof);
}

TEST_P(LoginSocket, WritesMoreThanThereIsRoomFor) {
  const std::string text(4 * 1024 * 1024, 'x');
  net::spawn(context_, write(text), "test");
  run_ready();
  ASSERT_FALSE(written_);
  std::string got;
  std::string part(64 * 1024, '\0');
  ASSERT_TRUE(run_until([&] {
    const ssize_t n = ::recv(theirs_.value(), part.data(), part.size(), MSG_DONTWAIT);
    if (n > 0) got.append(part, 0, static_cast<std::size_t>(n));
    return written_ && got.size() == text.size();
  }));
  EXPECT_FALSE(*written_);
  EXPECT_EQ(got, text);
}

TEST_P(LoginSocket, ACancelledReadEnds) {
  start_reading();
  socket_->cancel();
  ASSERT_TRUE(run_until([&] { return read_.has_value(); }));
  EXPECT_EQ(read_->ec, asio::error::operation_aborted);
  send("later");
  start_reading();
  ASSERT_TRUE(run_until([&] { return read_.has_value(); }));
  EXPECT_EQ(bytes(), "later");
}

// The socket is ready already, and the coroutine about to read it.
TEST_P(LoginSocket, ACancellationIsNotLostOnAReadyRead) {
  start_reading();
  send("x");
  while (socket_->is_waiting()) loop_->engine().turn(false);
  ASSERT_FALSE(read_);
  socket_->cancel();
  ASSERT_TRUE(run_until([&] { return read_.has_value(); }));
  EXPECT_EQ(read_->ec, asio::error::operation_aborted);
}

TEST_P(LoginSocket, ClosingEndsAReadAndReachesThePeer) {
  start_reading();
  socket_->close();
  EXPECT_FALSE(socket_->is_open());
  ASSERT_TRUE(run_until([&] { return read_.has_value(); }));
  EXPECT_EQ(read_->ec, asio::error::operation_aborted);
  char byte = 0;
  EXPECT_TRUE(run_until([&] { return ::recv(theirs_.value(), &byte, 1, MSG_DONTWAIT) == 0; }));
}

TEST_P(LoginSocket, TakesAnotherSocket) {
  start_reading();
  socket_->close();
  ASSERT_TRUE(run_until([&] { return read_.has_value(); }));
  socket_->take(connect());
  start_reading();
  send("from the second");
  ASSERT_TRUE(run_until([&] { return read_.has_value(); }));
  EXPECT_EQ(bytes(), "from the second");
  const net::unique_fd released = socket_->release();
  EXPECT_TRUE(released.is_open());
  EXPECT_FALSE(socket_->is_open());
}

TEST_P(LoginSocket, ActsOnceWhenReadable) {
  int acted = 0;
  socket_->when_readable([&] { ++acted; });
  run_ready();
  EXPECT_EQ(acted, 0);
  send("x");
  ASSERT_TRUE(run_until([&] { return acted == 1; }));
  send("y");
  run_ready();
  EXPECT_EQ(acted, 1);
  // And is a socket to read from again.
  start_reading();
  ASSERT_TRUE(read_);
  EXPECT_EQ(bytes(), "xy");
}

TEST_P(LoginSocket, DoesNotActAfterACancellation) {
  int acted = 0;
  socket_->when_readable([&] { ++acted; });
  run_ready();
  socket_->cancel();
  send("x");
  run_ready();
  socket_->when_readable([&] { ++acted; });
  while (socket_->is_waiting()) loop_->engine().turn(false);  // it has posted the action
  socket_->cancel();
  run_ready();
  EXPECT_EQ(acted, 0);
}

// Of what the action holds, nothing is left.
TEST_P(LoginSocket, LetsGoOfItsAction) {
  const auto held = std::make_shared<int>(0);
  socket_->when_readable([held] { ++*held; });
  EXPECT_EQ(held.use_count(), 2);
  send("x");
  ASSERT_TRUE(run_until([&] { return *held == 1; }));
  EXPECT_EQ(held.use_count(), 1);
  socket_->when_readable([held] { ++*held; });
  socket_.reset();
  EXPECT_EQ(held.use_count(), 1);
}

INSTANTIATE_TEST_SUITE_P(Engines, LoginSocket,
                         ::testing::Values(relay::engine_choice::epoll, relay::engine_choice::io_uring),
                         [](const auto& now) {
                           return now.param == relay::engine_choice::io_uring ? "IoUring" : "Epoll";
                         });

}  // namespace
}  // namespace pgsteer::session
