// fence.json and the command that shows, lowers or forgets it. A folder of its own for each test.
#include "pgsteer/fence/fence_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "pgsteer/fence/fence_command.hpp"

namespace pgsteer::fence {
namespace {

using testing::HasSubstr;
using topology::fence_mark;

constexpr fence_mark some_mark{{7711374223114453103}, {5}, {0x1600000A28}};

class FenceFile : public testing::Test {
 protected:
  FenceFile() {
    std::string pattern = (std::filesystem::temp_directory_path() / "pgsteer-fence-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~FenceFile() override { std::filesystem::remove_all(folder_); }

  void hold(const std::string& text) const { std::ofstream(fence_path(folder_)) << text; }
  int ask(const fence_request& request) {
    out_.str("");
    err_.str("");
    return run_fence(folder_, request, out_, err_);
  }

  std::string folder_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(FenceFile, RemembersNothingAtFirst) {
  EXPECT_FALSE(read_fence(folder_).mark);
  EXPECT_EQ(read_fence(folder_).problem, "");
  EXPECT_EQ(ask({}), 0);
  EXPECT_EQ(out_.str(), "nothing is remembered\n");
}

TEST_F(FenceFile, ReadsWhatItWrote) {
  ASSERT_EQ(write_fence(folder_, some_mark), "");
  EXPECT_EQ(read_fence(folder_).mark, some_mark);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);  // no draft is left
}

TEST_F(FenceFile, NamesTheFileThatItCannotUnderstand) {
  const std::string whole = R"({"system_identifier": "7", "timeline": 5, "raised_at": "16/A28"})";
  hold(whole);
  ASSERT_TRUE(read_fence(folder_).mark);
  for (std::size_t cut = 0; cut + 1 < whole.size(); ++cut) {
    hold(whole.substr(0, cut));
    EXPECT_THAT(read_fence(folder_).problem, HasSubstr(fence_path(folder_) + ": expected {")) << cut;
  }
  for (const char* wrong : {R"({"system_identifier": 7, "timeline": 5, "raised_at": "16/A28"})",
                            R"({"system_identifier": "0", "timeline": 5, "raised_at": "16/A28"})",
                            R"({"system_identifier": "7", "timeline": 0, "raised_at": "16/A28"})",
                            R"({"system_identifier": "7", "timeline": -1, "raised_at": "16/A28"})",
                            R"({"system_identifier": "7", "timeline": 4294967297, "raised_at": "16/A28"})",
                            R"({"system_identifier": "7", "timeline": 5, "raised_at": "16"})", "[]", "7"}) {
    hold(wrong);
    EXPECT_FALSE(read_fence(folder_).mark) << wrong;
    EXPECT_EQ(ask({}), 1);
    EXPECT_THAT(err_.str(), HasSubstr("--forget"));
  }
}

TEST_F(FenceFile, NamesTheFolderThatIsNotThere) {
  EXPECT_THAT(read_fence(folder_ + "/none").problem, HasSubstr("expected an existing folder"));
  EXPECT_THAT(write_fence(folder_ + "/none", some_mark), HasSubstr("No such file or directory"));
}

TEST_F(FenceFile, IsLoweredOnlyBelowWhatItHolds) {
  EXPECT_EQ(ask({.lower_to = 3}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("which is none, found 3"));
  ASSERT_EQ(write_fence(folder_, some_mark), "");
  EXPECT_EQ(ask({.lower_to = 5}), 1);
  EXPECT_EQ(read_fence(folder_).mark, some_mark);
  EXPECT_EQ(ask({.lower_to = 4}), 0);
  EXPECT_EQ(read_fence(folder_).mark, (fence_mark{some_mark.system, {4}, {}}));
}

TEST_F(FenceFile, IsForgottenEvenIfItCannotBeRead) {
  hold("nonsense");
  EXPECT_EQ(ask({.forget = true}), 0);
  EXPECT_EQ(read_fence(folder_).problem, "");
  EXPECT_FALSE(read_fence(folder_).mark);
  EXPECT_FALSE(read_fence(folder_).is_missing)
      << "it is said, so that a file deleted by accident is not taken for it";
  EXPECT_EQ(ask({.forget = true}), 0);
}

}  // namespace
}  // namespace pgsteer::fence
