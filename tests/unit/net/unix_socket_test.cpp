// A Unix socket to listen on: who may connect, and what may stand in its place.
#include "pgsteer/net/unix_socket.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/asio/error.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace pgsteer::net {
namespace {

class UnixSocket : public ::testing::Test {
 protected:
  UnixSocket() {
    std::string pattern = (std::filesystem::temp_directory_path() / "pgsteer-unix-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    path_ = folder_ + "/control.sock";
  }
  ~UnixSocket() override { std::filesystem::remove_all(folder_); }

  boost::asio::io_context context_;
  std::string folder_;
  std::string path_;
};

TEST_F(UnixSocket, IsOpenToItsUserAlone) {
  const auto listening = listen_unix(context_, path_);
  ASSERT_TRUE(listening);
  struct stat seen {};
  ASSERT_EQ(::stat(path_.c_str(), &seen), 0);
  EXPECT_EQ(seen.st_mode & 0777U, 0600U);
  boost::asio::local::stream_protocol::socket client(context_);
  EXPECT_NO_THROW(client.connect(boost::asio::local::stream_protocol::endpoint(path_)));
}

TEST_F(UnixSocket, ReplacesWhatAnEndedProcessHasLeft) {
  { const auto ended = listen_unix(context_, path_); }
  ASSERT_TRUE(std::filesystem::exists(path_));
  EXPECT_TRUE(listen_unix(context_, path_));
}

TEST_F(UnixSocket, LeavesALivingOneAlone) {
  const auto first = listen_unix(context_, path_);
  EXPECT_EQ(listen_unix(context_, path_).error(), boost::asio::error::address_in_use);
  boost::asio::local::stream_protocol::socket client(context_);
  EXPECT_NO_THROW(client.connect(boost::asio::local::stream_protocol::endpoint(path_)));
}

TEST_F(UnixSocket, LeavesAFileAlone) {
  std::ofstream(path_) << "notes";
  EXPECT_EQ(listen_unix(context_, path_).error(), boost::asio::error::address_in_use);
  EXPECT_EQ(std::filesystem::file_size(path_), 5U);
}

TEST_F(UnixSocket, NeedsItsFolder) {
  EXPECT_EQ(listen_unix(context_, folder_ + "/none/control.sock").error().value(), ENOENT);
}

}  // namespace
}  // namespace pgsteer::net
