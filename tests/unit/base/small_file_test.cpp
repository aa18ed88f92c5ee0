#include "pgsteer/base/small_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

namespace pgsteer {
namespace {

class SmallFile : public testing::Test {
 protected:
  ~SmallFile() override { std::filesystem::remove_all(path_); }
  void write(const std::string& text) const { std::ofstream(path_, std::ios::binary) << text; }
  [[nodiscard]] int errno_of(std::size_t bytes_max) const {
    return read_small_file(path_, bytes_max).error().value();
  }

  const std::string path_ =
      std::filesystem::temp_directory_path() / ("pgsteer-small-file-" + std::to_string(::getpid()));
};

TEST_F(SmallFile, IsReadAsItIs) {
  write(std::string("a\r\n\0b\n", 6));
  EXPECT_EQ(read_small_file(path_, 6).value(), std::string("a\r\n\0b\n", 6));
  write("");
  EXPECT_EQ(read_small_file(path_, 6).value(), "");
}

TEST_F(SmallFile, SaysWhyNot) {
  EXPECT_EQ(errno_of(6), ENOENT);
  write("seven..");
  EXPECT_EQ(errno_of(6), EFBIG);
  EXPECT_TRUE(read_small_file(path_, 7).has_value());
  std::filesystem::remove(path_);
  std::filesystem::create_directory(path_);
  EXPECT_EQ(errno_of(6), EINVAL);
}

// Nobody writes: to open it would wait for ever.
TEST_F(SmallFile, IsNoFifo) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(errno_of(6), EINVAL);
}

}  // namespace
}  // namespace pgsteer
