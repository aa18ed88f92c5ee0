// Files that change in all the ways in which editors and Kubernetes change them.
#include "pgsteer/net/file_watch.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "support/eventually.hpp"
#include "support/temporary_folder.hpp"

namespace pgsteer::net {
namespace {

namespace fs = std::filesystem;

class FileWatch : public ::testing::Test {
 protected:
  FileWatch() { write(file_, "one"); }

  static void write(const fs::path& to, const std::string& text) { std::ofstream(to) << text; }
  bool run_until_changes(std::size_t count) {
    const time_point limit = clock::now() + test::patience;
    while (told_.size() < count && clock::now() < limit) context_.run_one_for(milliseconds{50});
    return told_.size() == count;
  }
  // Everything that comes within ten settle times is here.
  void run_a_while() { context_.run_for(10 * file_watch::settle_time); }

  const test::temporary_folder temporary_;
  const fs::path folder_ = temporary_.path();
  const fs::path file_ = folder_ / "pgsteer.yaml";
  boost::asio::io_context context_;
  std::vector<std::vector<std::string>> told_;
  file_watch watch_{context_, [this](const auto& files) { told_.push_back(files); }};
};

TEST_F(FileWatch, TellsOfAFileThatIsWrittenInPlace) {
  watch_.watch({file_});
  write(file_, "two");
  ASSERT_TRUE(run_until_changes(1));
  EXPECT_EQ(told_[0], std::vector<std::string>{file_});
}

TEST_F(FileWatch, TellsOfAnotherFileInItsPlaceAndOnce) {
  watch_.watch({file_});
  run_a_while();
  for (std::size_t i = 1; i <= 2; ++i) {
    write(folder_ / "draft", "two");
    fs::rename(folder_ / "draft", file_);
    ASSERT_TRUE(run_until_changes(i));
  }
  run_a_while();
  EXPECT_EQ(told_.size(), 2U);
}

// kubelet: the files are links through ..data, which is a link to a folder; only ..data is replaced.
TEST_F(FileWatch, TellsOfAConfigMapThatIsUpdated) {
  const fs::path volume = folder_ / "volume";
  const auto fill = [&](const std::string& name, const std::string& text) {
    fs::create_directories(volume / name);
    write(volume / name / "pgsteer.yaml", text);
    write(volume / name / "other", "same");
    fs::create_directory_symlink(name, volume / "..data_tmp");
    fs::rename(volume / "..data_tmp", volume / "..data");
  };
  fill("..1", "one");
  fs::create_symlink("..data/pgsteer.yaml", volume / "pgsteer.yaml");
  const std::string seen = volume / "pgsteer.yaml";
  watch_.watch({seen});
  run_a_while();
  fill("..2", "two");
  fs::remove_all(volume / "..1");
  ASSERT_TRUE(run_until_changes(1));
  EXPECT_EQ(told_[0], std::vector<std::string>{seen});
}

// scp, or an editor on a slow disk; meanwhile something else changes in that folder.
TEST_F(FileWatch, WaitsUntilTheWriterHasClosedIt) {
  watch_.watch({file_});
  run_a_while();
  fs::remove(file_);
  std::ofstream slow(file_);
  slow << "half" << std::flush;
  run_a_while();
  write(folder_ / "neighbour", "two");
  run_a_while();
  EXPECT_TRUE(told_.empty());
  slow << " and the rest";
  slow.close();
  EXPECT_TRUE(run_until_changes(1));
}

TEST_F(FileWatch, SeesWhatALinkLeadsTo) {
  const fs::path elsewhere = folder_ / "elsewhere";
  fs::create_directory(elsewhere);
  write(elsewhere / "one.yaml", "one");
  fs::create_symlink("elsewhere/one.yaml", folder_ / "link.yaml");
  watch_.watch({folder_ / "link.yaml"});
  run_a_while();
  write(elsewhere / "one.yaml", "three");
  EXPECT_TRUE(run_until_changes(1));
  write(elsewhere / "draft", "four");
  fs::rename(elsewhere / "draft", elsewhere / "one.yaml");
  EXPECT_TRUE(run_until_changes(2));
}

TEST_F(FileWatch, IsSilentAboutItsNeighboursAndAboutAFileThatIsGone) {
  watch_.watch({file_});
  write(folder_ / "neighbour", "two");
  fs::remove(file_);
  run_a_while();
  EXPECT_TRUE(told_.empty());
  write(file_, "three");
  EXPECT_TRUE(run_until_changes(1));
}

TEST_F(FileWatch, ComparesWithWhatItSawFirst) {
  watch_.watch({file_});
  write(file_, "two");
  watch_.watch({file_, folder_ / "later"});
  EXPECT_TRUE(run_until_changes(1));
  write(folder_ / "later", "one");
  EXPECT_TRUE(run_until_changes(2));
}

TEST_F(FileWatch, SaysNothingOnceItIsStopped) {
  watch_.watch({file_});
  run_a_while();
  write(file_, "two");
  watch_.stop();
  run_a_while();
  EXPECT_TRUE(told_.empty());
}

}  // namespace
}  // namespace pgsteer::net
