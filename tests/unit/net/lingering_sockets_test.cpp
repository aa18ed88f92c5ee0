#include "pgsteer/net/lingering_sockets.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <string>
#include <vector>

#include "pgsteer/net/socket.hpp"
#include "unit/net/tcp_pair.hpp"

namespace pgsteer::net {
namespace {

using boost::asio::buffer;
using testing::tcp_pair;

const time_point present{std::chrono::hours{1}};
const time_point later = present + seconds{30};
const lingering_sockets::limit few{.until = later, .sockets_max = 8};

void say(tcp::socket& from, std::string_view text) {
  boost::asio::write(from, buffer(text));
}

// Of what was sent, far has no room for a part.
struct slow_reader : tcp_pair {
  std::string sent = std::string(16U << 20U, 'x');
  slow_reader() {
    near.non_blocking(true);
    sent.resize(near.write_some(buffer(sent)));
    EXPECT_NE(unacknowledged(near.native_handle()), 0U);
  }
  // How all that comes ends.
  error_code read_all() {
    std::string got(sent.size() + 1, '\0');
    error_code ec;
    got.resize(boost::asio::read(far, buffer(got), ec));
    EXPECT_EQ(got == sent, ec == boost::asio::error::eof);
    return ec;
  }
};

// Not by TCP, which would need much memory.
void add_one_that_has_not_read(lingering_sockets& lingering, std::vector<unique_fd>& peers) {
  int ends[2] = {-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  peers.emplace_back(ends[1]);
  send_best_effort(ends[0], as_bytes("unread"));
  lingering.add(unique_fd(ends[0]), few);
}

// Its kernel acknowledges at once, or nearly.
void look_until_done(lingering_sockets& lingering) {
  const time_point give_up = clock::now() + seconds{30};
  while (lingering.look(present) && clock::now() < give_up) continue;
  EXPECT_EQ(lingering.size(), 0U);
}

TEST(LingeringSockets, ClosesOnceThePeerHasAll) {
  tcp_pair pair;
  say(pair.near, "bye");
  say(pair.far, "unread");
  lingering_sockets lingering;
  lingering.add(pair.take_near(), few);
  look_until_done(lingering);
  std::string got(20, '\0');
  error_code ec;
  got.resize(boost::asio::read(pair.far, buffer(got), ec));
  EXPECT_EQ(got, "bye");
  EXPECT_EQ(ec, boost::asio::error::eof) << "no reset, though bytes were unread";
}

TEST(LingeringSockets, WhatThePeerStillSendsCostsItNothing) {
  slow_reader reader;
  lingering_sockets lingering;
  lingering.add(reader.take_near(), few);
  for (int n = 0; n < 3; ++n) {
    say(reader.far, "another query");
    EXPECT_EQ(lingering.look(present), lingering_sockets::pause);
  }
  EXPECT_EQ(reader.read_all(), boost::asio::error::eof);
  look_until_done(lingering);
}

TEST(LingeringSockets, ClosesWhenItsTimeIsOver) {
  slow_reader reader;
  lingering_sockets lingering;
  lingering.add(reader.take_near(), few);
  EXPECT_EQ(lingering.look(later - milliseconds{1}), lingering_sockets::pause);
  EXPECT_EQ(lingering.look(later), std::nullopt);
  EXPECT_EQ(lingering.size(), 0U);
}

TEST(LingeringSockets, ClosesWhatItsPeerHasClosed) {
  slow_reader reader;
  lingering_sockets lingering;
  lingering.add(reader.take_near(), few);
  reader.far.close();  // a reset, as bytes were unread
  EXPECT_EQ(lingering.look(present), std::nullopt);
}

// A crowd that reads costs nobody its place.
TEST(LingeringSockets, NobodyMakesWayWhereOthersHaveAll) {
  lingering_sockets lingering;
  slow_reader oldest;
  lingering.add(oldest.take_near(), few);
  std::vector<unique_fd> others;
  for (std::size_t n = 1; n < few.sockets_max; ++n) add_one_that_has_not_read(lingering, others);
  EXPECT_EQ(lingering.size(), few.sockets_max);
  others.clear();
  add_one_that_has_not_read(lingering, others);
  EXPECT_EQ(lingering.size(), 2U);
  say(oldest.far, "another query");
  EXPECT_EQ(oldest.read_all(), boost::asio::error::eof);
}

TEST(LingeringSockets, TheOldestMakesWayForOneTooMany) {
  lingering_sockets lingering;
  slow_reader oldest;
  lingering.add(oldest.take_near(), few);
  std::vector<unique_fd> others;
  for (std::size_t n = 0; n < few.sockets_max; ++n) {
    EXPECT_EQ(lingering.size(), n + 1);
    add_one_that_has_not_read(lingering, others);
  }
  EXPECT_EQ(lingering.size(), few.sockets_max);
  say(oldest.far, "another query");
  EXPECT_NE(oldest.read_all(), boost::asio::error::eof) << "it is closed";
}

}  // namespace
}  // namespace pgsteer::net
