// Files that cannot be read, and files that are no configuration.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "pgsteer/config/config.hpp"
#include "unit/config/text_samples.hpp"

namespace pgsteer::config {
namespace {

class LoadFile : public testing::Test {
 protected:
  LoadFile() { std::filesystem::create_directory(folder_); }
  ~LoadFile() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& text) const {
    const std::string path = folder_ / "pgsteer.yaml";
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  static std::string problem_of(const std::string& path) {
    try {
      static_cast<void>(load_file(path));
    } catch (const config_error& error) {
      return error.what();
    }
    return "no problem";
  }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("pgsteer_config_test_" + std::to_string(getpid()));
};

TEST_F(LoadFile, ReadsAFile) {
  EXPECT_EQ(load_file(write(minimal_text)).runtime.listeners.size(), 1U);
}

TEST_F(LoadFile, SaysWhatIsMissing) {
  const std::string path = folder_ / "none.yaml";
  EXPECT_EQ(problem_of(path),
            path + ": expected a readable configuration file, found No such file or directory");
}

TEST_F(LoadFile, RefusesADirectory) {
  EXPECT_EQ(problem_of(folder_),
            folder_.string() + ": expected a readable configuration file, found a directory");
}

TEST_F(LoadFile, SaysThatPermissionIsMissing) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  const std::string path = write(minimal_text);
  std::filesystem::permissions(path, std::filesystem::perms::none);
  EXPECT_EQ(problem_of(path), path + ": expected a readable configuration file, found Permission denied");
}

TEST_F(LoadFile, RefusesAnEmptyFile) {
  for (const std::string text : {"", "\n\n", "# nothing but a comment\n", "---\n", "~\n"}) {
    SCOPED_TRACE(text);
    const std::string path = write(text);
    EXPECT_EQ(problem_of(path), path + ":1:1: expected a configuration, found an empty file");
  }
}

TEST_F(LoadFile, RefusesAHugeFile) {
  const std::string path = write(std::string((1U << 20U) + 1, '#'));
  EXPECT_EQ(problem_of(path), path + ": expected a readable configuration file, found more than 1MiB");
}

TEST_F(LoadFile, EndsOnADeviceWithoutEnd) {
  EXPECT_EQ(problem_of("/dev/zero"),
            "/dev/zero: expected a readable configuration file, found more than 1MiB");
}

TEST_F(LoadFile, RefusesOtherFormats) {
  for (const std::string text : {"[cluster]\n", "- a\n", "just words\n"}) {
    SCOPED_TRACE(text);
    EXPECT_NE(problem_of(write(text)).find(":1:1: expected a mapping of keys, found "), std::string::npos);
  }
}

// A reader of all documents (YAML::LoadAll in yaml-cpp 0.7) does not get past such a token: it returned empty
// documents until memory was gone.
TEST_F(LoadFile, EndsOnAStrayToken) {
  for (const std::string& text : std::vector<std::string>{", a\n", "]\n", "}\n", minimal_text + ", a\n",
                                                          "a: 1\n]\n", "\"a\" b\n", "--- a\n, b\n"}) {
    SCOPED_TRACE(text);
    EXPECT_NE(problem_of(write(text)), "no problem");
  }
}

// 1 MiB of nesting: the parser's own bound on depth must hold before the stack ends.
TEST_F(LoadFile, EndsOnDeepNesting) {
  for (const std::string open : {"[", "{a: ", "- "}) {
    SCOPED_TRACE(open);
    std::string text;
    while (text.size() < 200'000) text += open;
    EXPECT_NE(problem_of(write(text)), "no problem");
  }
}

TEST_F(LoadFile, RefusesASecondDocument) {
  const std::string path = write(minimal_text + "---\nworkers: 2\n");
  EXPECT_EQ(problem_of(path), path + ":4:1: expected one YAML document, found more text after its end");
}

}  // namespace
}  // namespace pgsteer::config
