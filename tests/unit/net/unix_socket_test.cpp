// A Unix socket to listen on: who may connect, and what may stand in its place.
#include "pgsteer/net/unix_socket.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/asio/error.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <filesystem>
#include <fstream>

#include "pgsteer/net/socket.hpp"
#include "support/temporary_folder.hpp"

namespace pgsteer::net {
namespace {

class UnixSocket : public ::testing::Test {
 protected:
  UnixSocket() { path_ = folder_.path() + "/control.sock"; }

  result<listening_socket> listen_for_owner(const std::string& path) {
    return listen_unix(context_, path, unix_socket_access::owner);
  }
  [[nodiscard]] unsigned mode() const {
    struct stat seen {};
    return ::stat(path_.c_str(), &seen) == 0 ? seen.st_mode & 0777U : 0;
  }
  void connect() {
    boost::asio::local::stream_protocol::socket client(context_);
    EXPECT_NO_THROW(client.connect(boost::asio::local::stream_protocol::endpoint(path_)));
  }

  boost::asio::io_context context_;
  const test::temporary_folder folder_;
  std::string path_;
};

TEST_F(UnixSocket, IsOpenToItsUserAlone) {
  const auto listening = listen_for_owner(path_);
  ASSERT_TRUE(listening);
  EXPECT_EQ(mode(), 0600U);
  connect();
}

TEST_F(UnixSocket, IsOpenToEverybodyIfItIsTo) {
  ASSERT_TRUE(listen_unix(context_, path_, unix_socket_access::everybody));
  EXPECT_EQ(mode(), 0777U);
}

TEST_F(UnixSocket, MayHaveAnAbstractName) {
  const endpoint place{"@" + folder_.path(), 5432};
  const auto listening = listen(context_, place);
  ASSERT_TRUE(listening);
  EXPECT_EQ(to_endpoint(listening->local_endpoint()), place);
  EXPECT_EQ(listen(context_, place).error(), boost::asio::error::address_in_use);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(UnixSocket, ReplacesWhatAnEndedProcessHasLeft) {
  { const auto ended = listen_for_owner(path_); }
  ASSERT_TRUE(std::filesystem::exists(path_));
  EXPECT_TRUE(listen_for_owner(path_));
}

TEST_F(UnixSocket, LeavesALivingOneAlone) {
  const auto first = listen_for_owner(path_);
  EXPECT_EQ(listen_for_owner(path_).error(), boost::asio::error::address_in_use);
  connect();
}

TEST_F(UnixSocket, LeavesAFileAlone) {
  std::ofstream(path_) << "notes";
  EXPECT_EQ(listen_for_owner(path_).error(), boost::asio::error::address_in_use);
  EXPECT_EQ(std::filesystem::file_size(path_), 5U);
}

TEST_F(UnixSocket, NeedsItsFolder) {
  EXPECT_EQ(listen_for_owner(folder_.path() + "/none/control.sock").error().value(), ENOENT);
}

TEST_F(UnixSocket, FileGoesUnlessItIsAnothers) {
  const auto first = listen_for_owner(path_);
  unix_socket_file file(path_);
  EXPECT_TRUE(file.is_in_place());
  std::filesystem::rename(path_, folder_.path() + "/moved");
  EXPECT_FALSE(file.is_in_place());
  const auto second = listen_for_owner(path_);
  ASSERT_TRUE(second);
  unix_socket_file others(path_);
  file.remove();
  EXPECT_TRUE(others.is_in_place());
  others.remove();
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_FALSE(others.is_in_place());
}

}  // namespace
}  // namespace pgsteer::net
