// What a running pgsteer does with fence.json: keeps, reads again, tries again. A real folder, a loop run by
// hand.
#include "pgsteer/fence/fence_memory.hpp"

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>

#include "support/eventually.hpp"
#include "support/temporary_folder.hpp"

namespace pgsteer::fence {
namespace {

using topology::fence_mark;

constexpr fence_mark second{{7}, {2}, {0x500}};
constexpr fence_mark third{{7}, {3}, {0x900}};

class FenceMemory : public testing::Test {
 protected:
  std::unique_ptr<fence_memory> memory() {
    auto made = std::make_unique<fence_memory>(control_, folder_.path(), topology::system_identifier{},
                                               [this](const auto& mark) { told_.push_back(mark); });
    EXPECT_EQ(made->recall(), "");
    return made;
  }
  bool run_until(const std::function<bool()>& is_done) {
    return test::eventually(test::patience, [&] {
      control_.restart();
      control_.poll_one();
      return is_done();
    });
  }
  // The disk has answered the last thing it was asked, and that was taken in.
  bool run_next() {
    control_.restart();
    return control_.run_one_for(test::patience) == 1;
  }
  std::optional<fence_mark> on_disk() const { return read_fence(folder_.path()).mark; }

  const test::temporary_folder folder_;
  boost::asio::io_context control_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{control_.get_executor()};
  std::vector<std::optional<fence_mark>> told_;
};

TEST_F(FenceMemory, TellsAtStartWhatIsRemembered) {
  (void)memory();
  ASSERT_EQ(write_fence(folder_.path(), second), "");
  (void)memory();
  EXPECT_EQ(told_, (std::vector<std::optional<fence_mark>>{std::nullopt, second}));
}

TEST_F(FenceMemory, SavesEveryChange) {
  const auto kept = memory();
  kept->keep(second);
  kept->keep(third);
  EXPECT_TRUE(kept->is_unsaved());
  EXPECT_TRUE(run_until([&] { return !kept->is_unsaved(); }));
  EXPECT_EQ(on_disk(), third);
}

// SIGTERM right after a failover, before the disk has answered.
TEST_F(FenceMemory, EndsOnlyWhenTheLastMarkIsOnDisk) {
  auto kept = memory();
  kept->keep(second);
  kept->keep(third);
  kept.reset();
  EXPECT_EQ(on_disk(), third);
}

// SIGHUP out of habit must not make anybody forget who is primary.
TEST_F(FenceMemory, ReadingTheSameAgainTellsNobody) {
  const auto kept = memory();
  kept->keep(second);
  ASSERT_TRUE(run_until([&] { return !kept->is_unsaved(); }));
  told_.clear();
  kept->reread();
  ASSERT_TRUE(run_next());
  EXPECT_TRUE(told_.empty());
}

TEST_F(FenceMemory, TakesTheOperatorsWord) {
  const auto kept = memory();
  kept->keep(third);
  ASSERT_TRUE(run_until([&] { return !kept->is_unsaved(); }));
  told_.clear();
  for (const std::optional<fence_mark>& wish : {std::optional(second), std::optional<fence_mark>()}) {
    ASSERT_EQ(write_fence(folder_.path(), wish), "");
    kept->reread();
    ASSERT_TRUE(run_until([&] { return !told_.empty(); }));
    EXPECT_EQ(told_, std::vector{wish});
    EXPECT_FALSE(kept->is_unsaved());
    told_.clear();
  }
}

// Deleted by accident: what is known is not forgotten by that, and is written again.
TEST_F(FenceMemory, AMissingFileIsWrittenAgain) {
  const auto kept = memory();
  kept->keep(second);
  ASSERT_TRUE(run_until([&] { return !kept->is_unsaved(); }));
  told_.clear();
  std::filesystem::remove(fence_path(folder_.path()));
  kept->reread();
  EXPECT_TRUE(run_until([&] { return on_disk() == second; }));
  EXPECT_TRUE(told_.empty());
}

// Two that remember in one folder saw the timeline for the first time at different positions.
TEST_F(FenceMemory, AnotherPositionIsTheSameFence) {
  const auto kept = memory();
  kept->keep(second);
  ASSERT_TRUE(run_until([&] { return !kept->is_unsaved(); }));
  told_.clear();
  ASSERT_EQ(write_fence(folder_.path(), fence_mark{second.system, second.timeline, {0x777}}), "");
  kept->reread();
  ASSERT_TRUE(run_next());
  EXPECT_TRUE(told_.empty());
}

// A disk that is full, or a folder that is gone for a while, at the moment of a failover: the file is older
// than what was proven. It is not believed, and written as soon as it can be.
TEST_F(FenceMemory, TriesAgainAndDoesNotBelieveTheOlderFile) {
  const auto kept = memory();
  kept->keep(second);
  ASSERT_TRUE(run_until([&] { return !kept->is_unsaved(); }));
  told_.clear();
  const std::string elsewhere = folder_.path() + ".elsewhere";
  std::filesystem::rename(folder_.path(), elsewhere);
  kept->keep(third);
  ASSERT_TRUE(run_next());
  EXPECT_TRUE(kept->is_unsaved());
  std::filesystem::rename(elsewhere, folder_.path());
  kept->reread();
  EXPECT_TRUE(run_until([&] { return !kept->is_unsaved(); }));  // the disk was read before
  EXPECT_TRUE(told_.empty());
  EXPECT_EQ(on_disk(), third);
}

class MovedFenceMemory : public FenceMemory {
 protected:
  MovedFenceMemory() { std::filesystem::create_directory(other_); }

  std::string other_ = folder_.path() + "/other";
};

TEST_F(MovedFenceMemory, GoesOnInTheOtherFolder) {
  const auto kept = memory();
  kept->keep(second);
  kept->move_to({other_, read_fence(other_), {}}, second);  // while it is being written
  EXPECT_TRUE(kept->is_unsaved());
  ASSERT_TRUE(run_until([&] { return !kept->is_unsaved(); }));
  EXPECT_EQ(read_fence(other_).mark, second);
  kept->keep(third);
  ASSERT_TRUE(run_until([&] { return !kept->is_unsaved(); }));
  EXPECT_EQ(read_fence(other_).mark, third);
  EXPECT_EQ(on_disk(), second);
}

// Another pgsteer that remembers there has seen a failover that this one has not.
TEST_F(MovedFenceMemory, TakesAHigherTimelineThatIsRememberedThere) {
  const auto kept = memory();
  kept->keep(second);
  ASSERT_EQ(write_fence(other_, third), "");
  told_.clear();
  kept->move_to({other_, read_fence(other_), {}}, second);
  EXPECT_EQ(told_, std::vector{std::optional(third)});
  EXPECT_FALSE(kept->is_unsaved());
}

// The cluster is named anew in the same reload: what the folder says of that one counts, not what was known
// of another.
TEST_F(MovedFenceMemory, TakesWhatIsRememberedOfTheClusterThatIsNamedByNow) {
  const auto kept = memory();
  kept->keep({{8}, {9}, {1}});
  ASSERT_EQ(write_fence(other_, second), "");
  told_.clear();
  kept->move_to({other_, read_fence(other_), second.system}, {});
  EXPECT_EQ(told_, std::vector{std::optional(second)});
  EXPECT_EQ(read_fence(other_).mark, second);
  ASSERT_TRUE(run_until([&] { return on_disk() == fence_mark{{8}, {9}, {1}}; }));
}

TEST_F(MovedFenceMemory, LeavesAnotherClustersFileAloneWhileNothingIsKnown) {
  const auto kept = memory();
  ASSERT_EQ(write_fence(other_, second), "");
  told_.clear();
  kept->move_to({other_, read_fence(other_), {8}}, {});
  EXPECT_TRUE(told_.empty());
  EXPECT_FALSE(kept->is_unsaved());
  EXPECT_EQ(read_fence(other_).mark, second);
}

TEST_F(MovedFenceMemory, KeepsItsOwnAgainstALowerOneAndAnotherClusters) {
  for (const fence_mark& there : {second, fence_mark{{8}, {9}, {1}}}) {
    const auto kept = memory();
    kept->keep(third);
    ASSERT_EQ(write_fence(other_, there), "");
    told_.clear();
    kept->move_to({other_, read_fence(other_), {}}, third);
    ASSERT_TRUE(run_until([&] { return !kept->is_unsaved(); }));
    EXPECT_EQ(read_fence(other_).mark, third);
    EXPECT_TRUE(told_.empty());
  }
}

TEST_F(MovedFenceMemory, RemembersWithoutAFolderWhatAFolderGetsLater) {
  fence_memory kept(control_, "", {}, [this](const auto& mark) { told_.push_back(mark); });
  EXPECT_EQ(kept.recall(), "");
  kept.keep(second);
  EXPECT_FALSE(kept.is_unsaved()) << "nobody relies on it";
  kept.move_to({folder_.path(), read_fence(folder_.path()), {}}, second);
  ASSERT_TRUE(run_until([&] { return !kept.is_unsaved(); }));
  EXPECT_EQ(on_disk(), second);
  kept.move_to({}, second);
  kept.keep(third);
  EXPECT_FALSE(kept.is_unsaved());
  kept.reread();
  EXPECT_EQ(on_disk(), second);
}

}  // namespace
}  // namespace pgsteer::fence
