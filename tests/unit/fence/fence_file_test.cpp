// fence.json and the command that shows, lowers or forgets it. A folder of its own for each test.
#include "pgsteer/fence/fence_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "pgsteer/fence/fence_command.hpp"
#include "support/temporary_folder.hpp"

namespace pgsteer::fence {
namespace {

using testing::HasSubstr;
using topology::fence_mark;

constexpr fence_mark some_mark{{7711374223114453103}, {5}, {0x1600000A28}};

class FenceFile : public testing::Test {
 protected:
  void hold(const std::string& text) const { std::ofstream(fence_path(folder_.path())) << text; }
  int ask(const fence_request& request) {
    out_.str("");
    err_.str("");
    return run_fence(folder_.path(), request, out_, err_);
  }

  const test::temporary_folder folder_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(FenceFile, RemembersNothingAtFirst) {
  EXPECT_FALSE(read_fence(folder_.path()).mark);
  EXPECT_EQ(read_fence(folder_.path()).problem, "");
  EXPECT_EQ(ask({}), 0);
  EXPECT_EQ(out_.str(), "nothing is remembered\n");
}

TEST_F(FenceFile, ReadsWhatItWrote) {
  ASSERT_EQ(write_fence(folder_.path(), some_mark), "");
  EXPECT_EQ(read_fence(folder_.path()).mark, some_mark);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1);  // no draft is left
}

TEST_F(FenceFile, NamesTheFileThatItCannotUnderstand) {
  const std::string whole = R"({"system_identifier": "7", "timeline": 5, "raised_at": "16/A28"})";
  hold(whole);
  ASSERT_TRUE(read_fence(folder_.path()).mark);
  for (std::size_t cut = 0; cut + 1 < whole.size(); ++cut) {
    hold(whole.substr(0, cut));
    EXPECT_THAT(read_fence(folder_.path()).problem, HasSubstr(fence_path(folder_.path()) + ": expected {"))
        << cut;
  }
  for (const char* wrong : {R"({"system_identifier": 7, "timeline": 5, "raised_at": "16/A28"})",
                            R"({"system_identifier": "0", "timeline": 5, "raised_at": "16/A28"})",
                            R"({"system_identifier": "7", "timeline": 0, "raised_at": "16/A28"})",
                            R"({"system_identifier": "7", "timeline": -1, "raised_at": "16/A28"})",
                            R"({"system_identifier": "7", "timeline": 4294967297, "raised_at": "16/A28"})",
                            R"({"system_identifier": "7", "timeline": 5, "raised_at": "16"})", "[]", "7"}) {
    hold(wrong);
    EXPECT_FALSE(read_fence(folder_.path()).mark) << wrong;
    EXPECT_EQ(ask({}), 1);
    EXPECT_THAT(err_.str(), HasSubstr("--forget"));
  }
}

TEST_F(FenceFile, NamesTheFolderThatIsNotThere) {
  EXPECT_THAT(read_fence(folder_.path() + "/none").problem, HasSubstr("expected an existing folder"));
  EXPECT_THAT(write_fence(folder_.path() + "/none", some_mark), HasSubstr("No such file or directory"));
}

TEST_F(FenceFile, IsLoweredOnlyBelowWhatItHolds) {
  EXPECT_EQ(ask({.lower_to = 3}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("which is none, found 3"));
  ASSERT_EQ(write_fence(folder_.path(), some_mark), "");
  EXPECT_EQ(ask({.lower_to = 5}), 1);
  EXPECT_EQ(read_fence(folder_.path()).mark, some_mark);
  EXPECT_EQ(ask({.lower_to = 4}), 0);
  EXPECT_EQ(read_fence(folder_.path()).mark, (fence_mark{some_mark.system, {4}, {}}));
}

TEST_F(FenceFile, IsForgottenEvenIfItCannotBeRead) {
  hold("nonsense");
  EXPECT_EQ(ask({.forget = true}), 0);
  EXPECT_EQ(read_fence(folder_.path()).problem, "");
  EXPECT_FALSE(read_fence(folder_.path()).mark);
  EXPECT_FALSE(read_fence(folder_.path()).is_missing)
      << "it is said, so that a file deleted by accident is not taken for it";
  EXPECT_EQ(ask({.forget = true}), 0);
}

}  // namespace
}  // namespace pgsteer::fence
