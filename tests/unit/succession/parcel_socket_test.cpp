// What goes through a parcel_socket, and what shows when either end is gone.
#include "pgsteer/succession/parcel_socket.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "pgsteer/succession/errc.hpp"
#include "support/eventually.hpp"

namespace pgsteer::succession {
namespace {

time_point soon() {
  return clock::now() + test::patience;
}

class ParcelSocket : public ::testing::Test {
 protected:
  ParcelSocket() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    near_.emplace(net::unique_fd(ends[0]));
    far_fd_ = ends[1];
    far_.emplace(net::unique_fd(ends[1]));
  }

  std::optional<parcel_socket> near_;
  std::optional<parcel_socket> far_;
  int far_fd_ = -1;
};

TEST_F(ParcelSocket, CarriesTextBytesAndDescriptors) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  net::unique_fd reading(pipe[0]);
  {
    const net::unique_fd writing(pipe[1]);
    ASSERT_TRUE(
        near_->send("words", as_bytes("bytes"), std::array{reading.value(), writing.value()}, soon()));
  }
  const auto got = far_->receive(soon());
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_EQ(got->text, "words");
  EXPECT_EQ(as_text(got->bytes), "bytes");
  ASSERT_EQ(got->descriptors.size(), 2U);
  EXPECT_NE(::fcntl(got->descriptors[1].value(), F_GETFD) & FD_CLOEXEC, 0);
  ASSERT_EQ(::write(got->descriptors[1].value(), "x", 1), 1);
  char byte = 0;
  EXPECT_EQ(::read(reading.value(), &byte, 1), 1);
  EXPECT_EQ(byte, 'x');
}

TEST_F(ParcelSocket, KeepsParcelsApart) {
  const net::unique_fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int fd = null.value();
  ASSERT_TRUE(near_->send("1", {}, {}, soon()));
  ASSERT_TRUE(near_->send("2", as_bytes("x"), {&fd, 1}, soon()));
  ASSERT_TRUE(near_->send("", {}, {}, soon()));
  for (const auto& [text, descriptors] : {std::pair{"1", 0U}, std::pair{"2", 1U}, std::pair{"", 0U}}) {
    const auto got = far_->receive(soon());
    ASSERT_TRUE(got) << got.error().message();
    EXPECT_EQ(got->text, text);
    EXPECT_EQ(got->descriptors.size(), descriptors);
  }
}

// Far more than the kernel keeps of it.
TEST_F(ParcelSocket, CarriesWhatDoesNotFitAtOnce) {
  const std::string bytes(std::size_t{8} << 20U, '\x07');
  std::vector<int> descriptors(parcel_socket::descriptors_max, far_fd_);
  std::thread sender([&] { EXPECT_TRUE(near_->send("many", as_bytes(bytes), descriptors, soon())); });
  const auto got = far_->receive(soon());
  sender.join();
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_EQ(as_text(got->bytes), bytes);
  EXPECT_EQ(got->descriptors.size(), descriptors.size());
}

TEST_F(ParcelSocket, ShowsThatThePeerIsGoneBehindAllThatItHasSent) {
  ASSERT_TRUE(far_->send("last words", {}, {}, soon()));
  far_.reset();
  EXPECT_EQ(near_->receive(soon()).value().text, "last words");
  EXPECT_EQ(near_->receive(soon()).error(), errc::peer_gone);
  EXPECT_EQ(near_->send("to nobody", {}, {}, soon()).error(), errc::peer_gone);
}

TEST_F(ParcelSocket, ShowsAPeerThatHasEndedInTheMiddle) {
  ASSERT_EQ(::send(far_fd_, "\1\0\0\0\0\0", 6, 0), 6);
  far_.reset();
  EXPECT_EQ(near_->receive(soon()).error(), errc::peer_gone);
}

// One of the two decides, at one instant, that nothing more counts.
TEST_F(ParcelSocket, RefusedWordsFailAtTheSpeaker) {
  ASSERT_TRUE(far_->send("in time", {}, {}, soon()));
  near_->refuse_more();
  EXPECT_EQ(far_->send("too late", {}, {}, soon()).error(), errc::peer_gone);
  EXPECT_EQ(near_->receive(soon()).value().text, "in time");
  EXPECT_EQ(near_->receive(soon()).error(), errc::peer_gone);
  ASSERT_TRUE(near_->send("why", {}, {}, soon())) << "the other way is open";
  EXPECT_EQ(far_->receive(soon()).value().text, "why");
  EXPECT_EQ(far_->receive(clock::now() + milliseconds{1}).error(), errc::timed_out) << "it lives";
}

TEST_F(ParcelSocket, WaitsNoLongerThanUntilTheDeadline) {
  EXPECT_FALSE(near_->await(clock::now() + milliseconds{1}));
  EXPECT_EQ(near_->receive(clock::now() + milliseconds{1}).error(), errc::timed_out);
  const std::string bytes(std::size_t{8} << 20U, 'x');
  EXPECT_EQ(near_->send("", as_bytes(bytes), {}, clock::now() + milliseconds{10}).error(), errc::timed_out);
}

TEST_F(ParcelSocket, RefusesWhatIsNoParcel) {
  const std::string http = "POST /v1/reload HTTP/1.1\r\n";
  ASSERT_EQ(::send(far_fd_, http.data(), http.size(), 0), static_cast<ssize_t>(http.size()));
  EXPECT_EQ(near_->receive(soon()).error(), errc::not_understood);
}

// It announces one and sends none.
TEST_F(ParcelSocket, RefusesAParcelWithoutItsDescriptors) {
  const std::array<std::uint32_t, 3> header{1, 0, 1};
  ASSERT_EQ(::send(far_fd_, header.data(), sizeof header, 0), static_cast<ssize_t>(sizeof header));
  ASSERT_EQ(::send(far_fd_, "x", 1, 0), 1);
  EXPECT_EQ(near_->receive(soon()).error(), errc::not_understood);
}

}  // namespace
}  // namespace pgsteer::succession
