// One side of a session that no flow has yet, in a worker's loop.
#include "session/leg.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>
#include <string>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/relay/loop.hpp"

namespace pgsteer::session {
namespace {

using doing = leg::operation::kind;

class Leg : public ::testing::TestWithParam<relay::engine_choice>, public leg::owner {
 protected:
  void SetUp() override {
    relay::relay_options options;
    options.engine = GetParam();
    loop_ = std::move(relay::loop::make(context_, options, counters_).value());
    const bool is_denied =
        GetParam() == relay::engine_choice::io_uring && loop_->engine().name() != "io_uring";
    if (is_denied) GTEST_SKIP() << "this kernel denies the engine";
    leg_.emplace(loop_->engine(), *this);
    leg_->take(connect());
  }
  void on_ready(leg&) override { ++ready_; }

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
    while (!claim()) {
      if (clock::now() > give_up) return false;
      loop_->step(false);
    }
    return true;
  }
  void run_ready() {
    while (loop_->step(false)) continue;
  }
  leg::outcome begin_reading(bool comes_later = false) {
    return leg_->begin({.what = doing::reading, .into = buffer_, .comes_later = comes_later});
  }
  [[nodiscard]] std::string text(const leg::outcome& got) {
    EXPECT_FALSE(got.ec || got.is_under_way);
    return std::string(as_text(byte_span(buffer_).first(got.n)));
  }
  [[nodiscard]] std::string read() { return text(begin_reading()); }
  [[nodiscard]] std::string go_on() { return text(leg_->begin(leg_->under_way())); }

  boost::asio::io_context context_{1};
  metrics::relay_counters counters_;
  std::unique_ptr<relay::loop> loop_;
  net::unique_fd theirs_;
  std::optional<leg> leg_;
  std::array<std::uint8_t, 100> buffer_{};
  int ready_ = 0;
};

TEST_P(Leg, ReadsWhatIsThereAndElseWaits) {
  send("hello");
  EXPECT_EQ(read(), "hello");
  EXPECT_TRUE(begin_reading().is_under_way);
  EXPECT_EQ(leg_->under_way().what, doing::reading);
  theirs_.reset();
  ASSERT_TRUE(run_until([&] { return ready_ == 1; }));
  EXPECT_EQ(leg_->begin(leg_->under_way()).ec, boost::asio::error::eof);
  EXPECT_EQ(leg_->under_way().what, doing::none);
}

TEST_P(Leg, TellsOnceWhenThereIsSomethingToRead) {
  for (const std::string text : {"one", "two"}) {
    ready_ = 0;
    ASSERT_TRUE(begin_reading().is_under_way);
    run_ready();
    EXPECT_EQ(ready_, 0);
    send(text);
    ASSERT_TRUE(run_until([&] { return ready_ == 1; }));
    EXPECT_EQ(go_on(), text);
    send("more");
    run_ready();
    EXPECT_EQ(ready_, 1);
    EXPECT_EQ(read(), "more");
  }
}

TEST_P(Leg, DoesNotLookForWhatCannotBeThereYet) {
  send("x");
  ASSERT_TRUE(begin_reading(true).is_under_way);
  ASSERT_TRUE(run_until([&] { return ready_ == 1; }));
  EXPECT_EQ(go_on(), "x");
}

TEST_P(Leg, WatchesWithoutReading) {
  ASSERT_TRUE(leg_->begin({.what = doing::watching, .comes_later = true}).is_under_way);
  send("x");
  ASSERT_TRUE(run_until([&] { return ready_ == 1; }));
  EXPECT_FALSE(leg_->begin(leg_->under_way()).is_under_way);
  EXPECT_EQ(read(), "x");
}

TEST_P(Leg, WritesWhatThereIsRoomForAndWaitsForMore) {
  const std::string text(4 * 1024 * 1024, 'x');
  byte_span rest = as_bytes(text);
  while (true) {
    const leg::outcome sent = leg_->begin({.what = doing::writing, .bytes = rest});
    ASSERT_FALSE(sent.ec);
    if (sent.is_under_way) break;
    rest = rest.subspan(sent.n);
  }
  ASSERT_FALSE(rest.empty());
  run_ready();
  EXPECT_EQ(ready_, 0);
  std::string part(1024 * 1024, '\0');
  ASSERT_TRUE(run_until([&] {
    (void)::recv(theirs_.value(), part.data(), part.size(), MSG_DONTWAIT);
    return ready_ == 1;
  }));
  EXPECT_GT(leg_->begin(leg_->under_way()).n, 0U);
}

TEST_P(Leg, TellsNothingAfterACancellation) {
  ASSERT_TRUE(begin_reading().is_under_way);
  const unsigned before = leg_->count();
  leg_->cancel();
  EXPECT_NE(leg_->count(), before) << "what was posted for it is stale";
  send("x");
  run_ready();
  EXPECT_EQ(ready_, 0);
  EXPECT_EQ(read(), "x");
}

TEST_P(Leg, ClosingReachesThePeer) {
  ASSERT_TRUE(begin_reading().is_under_way);
  leg_->close();
  EXPECT_FALSE(leg_->is_open());
  char byte = 0;
  EXPECT_TRUE(run_until([&] { return ::recv(theirs_.value(), &byte, 1, MSG_DONTWAIT) == 0; }));
  EXPECT_EQ(ready_, 0);
}

TEST_P(Leg, TakesAnotherSocketAndLetsGoOfIt) {
  ASSERT_TRUE(begin_reading().is_under_way);
  leg_->take(connect());
  ASSERT_TRUE(begin_reading().is_under_way);
  send("from the second");
  ASSERT_TRUE(run_until([&] { return ready_ == 1; }));
  EXPECT_EQ(go_on(), "from the second");
  ASSERT_TRUE(begin_reading().is_under_way);
  const net::unique_fd released = leg_->release();
  EXPECT_TRUE(released.is_open());
  EXPECT_FALSE(leg_->is_open());
  send("x");
  run_ready();
  EXPECT_EQ(ready_, 1);
}

TEST_P(Leg, Connects) {
  boost::asio::io_context unused;
  auto listening = net::listen(unused, {"127.0.0.1", 0}).value();
  const net::address address = listening.local_endpoint();
  ASSERT_FALSE(leg_->open(address, {}));
  leg::outcome done = leg_->begin({.what = doing::connecting});
  if (done.is_under_way) {
    ASSERT_TRUE(run_until([&] { return ready_ == 1; }));
    done = leg_->begin(leg_->under_way());
  }
  EXPECT_FALSE(done.ec || done.is_under_way);
  EXPECT_EQ(leg_->look().presence, login::client_presence::present);
  listening.close();
  ASSERT_FALSE(leg_->open(address, {}));
  done = leg_->begin({.what = doing::connecting});
  if (done.is_under_way) {
    ASSERT_TRUE(run_until([&] { return ready_ == 2; }));
    done = leg_->begin(leg_->under_way());
  }
  EXPECT_EQ(done.ec, boost::system::errc::connection_refused);
}

TEST_P(Leg, LooksWithoutReading) {
  EXPECT_EQ(leg_->look().presence, login::client_presence::present);
  EXPECT_FALSE(leg_->look().has_input);
  send("x");
  EXPECT_EQ(leg_->look().presence, login::client_presence::present);
  EXPECT_TRUE(leg_->look().has_input);
  EXPECT_EQ(read(), "x");
}

TEST_P(Leg, SaysALastMessage) {
  leg_->say_last(as_bytes("farewell"));
  leg_->close();
  std::string got(20, '\0');
  EXPECT_EQ(::recv(theirs_.value(), got.data(), got.size(), 0), 8);
  EXPECT_EQ(got.substr(0, 8), "farewell");
  EXPECT_EQ(::recv(theirs_.value(), got.data(), got.size(), 0), 0);
  leg_->say_last(as_bytes("into nothing"));
}

INSTANTIATE_TEST_SUITE_P(Engines, Leg,
                         ::testing::Values(relay::engine_choice::epoll, relay::engine_choice::io_uring),
                         [](const auto& now) {
                           return now.param == relay::engine_choice::io_uring ? "IoUring" : "Epoll";
                         });

}  // namespace
}  // namespace pgsteer::session
