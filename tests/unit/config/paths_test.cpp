// Files and folders that a configuration names: which of them cannot be used, where, and why.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "pgsteer/config/config.hpp"
#include "unit/config/text_samples.hpp"

namespace pgsteer::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class UnusablePaths : public testing::Test {
 protected:
  UnusablePaths() { std::filesystem::create_directory(folder_); }
  ~UnusablePaths() override { std::filesystem::remove_all(folder_); }

  // A file of this name and these permissions.
  [[nodiscard]] std::string make(const std::string& name, unsigned mode) const {
    const std::string path = folder_ / name;
    std::ofstream(path) << "text\n";
    std::filesystem::permissions(path, static_cast<std::filesystem::perms>(mode));
    return path;
  }
  // Of a file with this section of the probe, from line 4 on.
  static std::vector<std::string> problems_of_probe(const std::string& keys) {
    return unusable_paths(load_text(minimal_and("probe:\n" + keys), "f"), "f");
  }
  static std::vector<std::string> problems_of_cluster(const std::string& keys) {
    return unusable_paths(
        load_text("cluster:\n" + keys + "listeners: [{ name: rw, bind: \"127.0.0.1:0\", route: primary }]\n",
                  "f"),
        "f");
  }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("pgsteer_paths_test_" + std::to_string(getpid()));
  const std::string missing_ = folder_ / "none";
};

TEST_F(UnusablePaths, AreNoneOfAFileThatNamesNone) {
  EXPECT_THAT(problems_of_probe("  user: a\n"), IsEmpty());
  EXPECT_THAT(problems_of_probe("  sslkey: \"\"\n  password_file: \"\"\n"), IsEmpty());
}

TEST_F(UnusablePaths, AreNoneIfAllCanBeUsed) {
  const std::string open = make("open", 0644);
  const std::string closed = make("closed", 0600);
  EXPECT_THAT(problems_of_probe("  password_file: " + open + "\n  sslrootcert: " + open +
                                "\n  sslcert: " + open + "\n  sslkey: " + closed + "\n"),
              IsEmpty());
  EXPECT_THAT(problems_of_probe("  passfile: " + closed + "\n"), IsEmpty());
  EXPECT_THAT(problems_of_cluster("  backends: { static: [a] }\n  state_dir: " + folder_.string() + "\n"),
              IsEmpty());
}

// The socket itself need not be there.
TEST_F(UnusablePaths, OfASocketIsItsFolder) {
  const std::string cluster = "  backends: { static: [a] }\ncontrol: { socket: ";
  EXPECT_THAT(problems_of_cluster(cluster + folder_.string() + "/s }\n"), IsEmpty());
  EXPECT_THAT(
      problems_of_cluster(cluster + missing_ + "/s }\n"),
      ElementsAre("f:3:20: control.socket: expected a path in a folder that may be written to, found \"" +
                  missing_ + "/s\": No such file or directory"));
  const std::string file = make("notes", 0644);
  EXPECT_THAT(
      problems_of_cluster(cluster + file + " }\n"),
      ElementsAre("f:3:20: control.socket: expected a path in a folder that may be written to, found \"" +
                  file + "\", which is there and no socket"));
}

TEST_F(UnusablePaths, AreToldAllAtOnceInTheFilesOrder) {
  const std::string found = ", found \"" + missing_ + "\": No such file or directory";
  EXPECT_THAT(
      problems_of_probe("  sslkey: " + missing_ + "\n  sslcert: " + missing_ +
                        "\n  sslrootcert: " + missing_ + "\n  password_file: " + missing_ + "\n"),
      ElementsAre(
          "f:5:11: probe.sslkey: expected a readable file that is closed to others (0600, or 0640 if it is "
          "root's)" +
              found,
          "f:6:12: probe.sslcert: expected a readable file" + found,
          "f:7:16: probe.sslrootcert: expected a readable file" + found,
          "f:8:18: probe.password_file: expected a readable file" + found));
  EXPECT_THAT(problems_of_probe("  passfile: " + missing_ + "\n"),
              ElementsAre("f:5:13: probe.passfile: expected a readable file that is closed to others (0600)" +
                          found));
  EXPECT_THAT(problems_of_cluster("  backends: { static: [a] }\n  state_dir: " + missing_ + "\n"),
              ElementsAre("f:3:14: cluster.state_dir: expected a folder that may be written to" + found));
}

TEST_F(UnusablePaths, HaveTheWrongKind) {
  const std::string file = make("file", 0600);
  const std::string fifo = folder_ / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_THAT(problems_of_probe("  password_file: " + folder_.string() + "\n"),
              ElementsAre("f:5:18: probe.password_file: expected a readable file, found \"" +
                          folder_.string() + "\": Is a directory"));
  EXPECT_THAT(problems_of_probe("  sslcert: " + fifo + "\n"),
              ElementsAre("f:5:12: probe.sslcert: expected a readable file, found \"" + fifo +
                          "\", which is no regular file"));
  EXPECT_THAT(problems_of_cluster("  backends: { static: [a] }\n  state_dir: " + file + "\n"),
              ElementsAre("f:3:14: cluster.state_dir: expected a folder that may be written to, found \"" +
                          file + "\": Not a directory"));
}

// What libpq makes of permissions: libpq-ssl.html, libpq-pgpass.html.
TEST_F(UnusablePaths, AreSecretsThatAreOpenToOthers) {
  for (const unsigned mode : {0644U, 0660U, 0610U, 0604U, 0602U, 0601U}) {
    const std::string path = make("open" + std::to_string(mode), mode);
    EXPECT_THAT(problems_of_probe("  sslkey: " + path + "\n").size(), 1U) << mode;
    EXPECT_THAT(problems_of_probe("  passfile: " + path + "\n").size(), 1U) << mode;
    EXPECT_THAT(problems_of_probe("  password_file: " + path + "\n"), IsEmpty()) << mode;
  }
  const std::string path = make("key", 0644);
  EXPECT_THAT(
      problems_of_probe("  sslkey: " + path + "\n"),
      ElementsAre("f:5:11: probe.sslkey: expected a readable file that is closed to others (0600, or 0640 if "
                  "it is root's), found \"" +
                  path + "\" with the permissions 0644"));
  for (const unsigned mode : {0600U, 0400U, 0700U})
    EXPECT_THAT(problems_of_probe("  sslkey: " + make("good" + std::to_string(mode), mode) + "\n"),
                IsEmpty());
}

TEST_F(UnusablePaths, AreKeysOfAGroupUnlessTheyAreRoots) {
  if (geteuid() != 0) GTEST_SKIP() << "only root may give files away";
  const std::string path = make("key", 0640);
  EXPECT_THAT(problems_of_probe("  sslkey: " + path + "\n"), IsEmpty());
  EXPECT_EQ(problems_of_probe("  passfile: " + path + "\n").size(), 1U);
  ASSERT_EQ(::chown(path.c_str(), 65532, 65532), 0);
  EXPECT_EQ(problems_of_probe("  sslkey: " + path + "\n").size(), 1U);
}

TEST_F(UnusablePaths, AreThoseWithoutPermission) {
  if (geteuid() == 0) GTEST_SKIP() << "root may do everything";
  const std::string path = make("file", 0);
  EXPECT_THAT(problems_of_probe("  sslcert: " + path + "\n"),
              ElementsAre("f:5:12: probe.sslcert: expected a readable file, found \"" + path +
                          "\": Permission denied"));
  std::filesystem::permissions(folder_, std::filesystem::perms::owner_read);
  EXPECT_THAT(problems_of_cluster("  backends: { static: [a] }\n  state_dir: " + folder_.string() + "\n"),
              ElementsAre("f:3:14: cluster.state_dir: expected a folder that may be written to, found \"" +
                          folder_.string() + "\": Permission denied"));
  std::filesystem::permissions(folder_, std::filesystem::perms::owner_all);
}

TEST_F(UnusablePaths, AreNotOnesThatNameNoFile) {
  EXPECT_THAT(problems_of_probe("  sslrootcert: system\n  sslkey: \"pkcs11:token\"\n"), IsEmpty());
  EXPECT_EQ(problems_of_probe("  sslcert: system\n").size(), 1U);
}

TEST_F(UnusablePaths, AreTheTokenAndAuthorityThatKubernetesNames) {
  const std::string found = ", found \"" + missing_ + "\": No such file or directory";
  EXPECT_THAT(problems_of_cluster("  backends:\n    kubernetes:\n      cnpg_cluster: pg\n      token_file: " +
                                  missing_ + "\n      ca_file: " + missing_ + "\n"),
              ElementsAre("f:5:19: cluster.backends.kubernetes.token_file: expected a readable file" + found,
                          "f:6:16: cluster.backends.kubernetes.ca_file: expected a readable file" + found));
  // Those of every pod are only there inside of one.
  EXPECT_THAT(problems_of_cluster("  backends: { kubernetes: { cnpg_cluster: pg } }\n"), IsEmpty());
  EXPECT_THAT(problems_of_cluster("  backends: { kubernetes: { cnpg_cluster: pg, token_file: \"\" } }\n"),
              IsEmpty());
}

}  // namespace
}  // namespace pgsteer::config
