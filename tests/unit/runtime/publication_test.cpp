// The two steps by which a new primary is opened: nobody opens it before everybody has let go of the old one.
#include "pgsteer/runtime/publication.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace pgsteer::runtime {
namespace {

using topology::backend_id;

state with(used_topology topology) {
  state made;
  made.topology = std::move(topology);
  made.options = std::make_shared<const options>();
  return made;
}

// Workers that take a state when they are told to; what they go by is text: "rw=1", "none".
class Publication : public testing::Test {
 protected:
  static constexpr std::size_t workers = 3;

  Publication() {
    for (std::size_t i = 0; i < workers; ++i) {
      publication_.add([this, i](const state_ptr& next, std::function<void()> on_taken) {
        queues_[i].push_back({next, std::move(on_taken)});
      });
    }
  }

  static state with_primary(std::uint32_t id, std::uint64_t generation = 1) {
    auto snapshot = std::make_shared<topology::topology_snapshot>();
    snapshot->generation = generation;
    for (std::uint32_t i = 1; i <= 3; ++i) {
      auto& status = snapshot->backends.emplace_back();
      status.id = {i};
      status.is_rw_eligible = i == id;
      status.is_ro_eligible = i != id;
    }
    if (id != 0) {
      snapshot->primary = backend_id{id};
      snapshot->rw_valid_until = time_point{} + seconds{1};
    }
    return with({snapshot, {}});
  }

  // The worker takes the next state in its queue; false if there is none.
  bool take(std::size_t i) {
    if (queues_[i].empty()) return false;
    const auto [next, on_taken] = queues_[i].front();
    queues_[i].erase(queues_[i].begin());
    goes_by_[i] = "none";
    for (const auto& status : next->topology.snapshot->backends) {
      if (status.is_rw_eligible && !next->is_rw_closed) goes_by_[i] = "rw=" + std::to_string(status.id.value);
    }
    if (on_taken) on_taken();
    return true;
  }
  void take_all() {
    for (std::size_t i = 0; i < workers; ++i) {
      while (take(i)) continue;
    }
  }

  std::array<std::string, workers> all(const std::string& text) { return {text, text, text}; }

  struct waiting {
    state_ptr next;
    std::function<void()> on_taken;
  };
  publication publication_{with({})};
  std::array<std::vector<waiting>, workers> queues_;
  std::array<std::string, workers> goes_by_{"none", "none", "none"};
};

TEST_F(Publication, OpensTheFirstPrimaryAtOnce) {
  publication_.publish(with_primary(1));
  EXPECT_TRUE(take(0));
  EXPECT_EQ(goes_by_[0], "rw=1");
}

TEST_F(Publication, OpensANewPrimaryOnlyWhenTheLastWorkerHasLetGo) {
  publication_.publish(with_primary(1));
  take_all();
  publication_.publish(with_primary(2));
  for (std::size_t last = 0; last + 1 < workers; ++last) {
    take(last);
    EXPECT_FALSE(take(last)) << "the new primary is not open yet";
    EXPECT_EQ(goes_by_[last], "none");
  }
  EXPECT_EQ(goes_by_[workers - 1], "rw=1");
  take_all();
  EXPECT_EQ(goes_by_[workers - 1], "rw=2");
  take_all();
  EXPECT_EQ(goes_by_, all("rw=2"));
}

TEST_F(Publication, KeepsReadersWhereTheyAreMeanwhile) {
  publication_.publish(with_primary(1));
  take_all();
  publication_.publish(with_primary(2));
  const state& closed = *queues_[0].front().next;
  EXPECT_TRUE(closed.is_rw_closed);
  EXPECT_EQ(closed.topology.snapshot, publication_.newest()->topology.snapshot);
}

TEST_F(Publication, OfSeveralThatComeMeanwhileOnlyTheNewestIsOpened) {
  publication_.publish(with_primary(1));
  take_all();
  publication_.publish(with_primary(2, 2));
  publication_.publish(with_primary(3, 3));
  publication_.publish(with_primary(3, 4));
  take_all();
  take_all();
  EXPECT_EQ(goes_by_, all("rw=3"));
}

// A worker that is slow to let go must not keep the others sending readers to a standby that is none any
// more.
TEST_F(Publication, OfThoseThatComeMeanwhileAllButThePrimaryHoldsAtOnce) {
  publication_.publish(with_primary(1, 1));
  take_all();
  publication_.publish(with_primary(2, 2));
  take(0);
  publication_.publish(with_primary(3, 3));
  ASSERT_FALSE(queues_[0].empty());
  const state& meanwhile = *queues_[0].front().next;
  EXPECT_EQ(meanwhile.topology.snapshot->generation, 3U);
  EXPECT_TRUE(meanwhile.is_rw_closed);
  take(0);
  EXPECT_EQ(goes_by_[0], "none");
  EXPECT_EQ(goes_by_[1], "rw=1");
}

TEST_F(Publication, AnOldPrimaryIsClosedAlsoIfNobodyWasPrimaryInBetween) {
  publication_.publish(with_primary(1));
  take_all();
  publication_.publish(with_primary(0));  // on its way
  publication_.publish(with_primary(2));
  take(0);
  take(0);
  EXPECT_FALSE(take(0)) << "the others may still go by the old one";
  EXPECT_EQ(goes_by_[1], "rw=1");
  take_all();
  take_all();
  EXPECT_EQ(goes_by_, all("rw=2"));
}

TEST_F(Publication, TheSamePrimaryNeedsNoSteps) {
  publication_.publish(with_primary(1, 1));
  take_all();
  publication_.publish(with_primary(1, 2));
  take(0);
  EXPECT_EQ(goes_by_[0], "rw=1");
  EXPECT_FALSE(take(0));
}

// An order of the operator, or other options, change nothing of who is primary.
TEST_F(Publication, WhatElseChangesGoesOutAtOnceAndOpensNothing) {
  publication_.publish(with_primary(1));
  take_all();
  publication_.publish(with_primary(2));
  state ordered = *publication_.newest();
  ordered.orders.drain = drain_step::ending;
  publication_.publish(ordered);
  take(0);
  EXPECT_EQ(queues_[0].front().next->orders.drain, drain_step::ending);
  EXPECT_TRUE(queues_[0].front().next->is_rw_closed);
  EXPECT_FALSE(publication_.newest()->is_rw_closed);
  take_all();
  take_all();
  EXPECT_EQ(goes_by_, all("rw=2"));
}

// Before the workers have let go of the first one, it is the primary again, and then nobody is.
TEST_F(Publication, WhatComesWhileItClosesIsWhatIsOpened) {
  publication_.publish(with_primary(1, 1));
  take_all();
  publication_.publish(with_primary(2, 2));
  EXPECT_TRUE(publication_.is_rw_closed());
  publication_.publish(with_primary(1, 3));
  take_all();
  EXPECT_FALSE(publication_.is_rw_closed());
  take_all();
  EXPECT_EQ(goes_by_, all("rw=1"));
  publication_.publish(with_primary(2, 4));
  publication_.publish(with_primary(0, 5));
  take_all();
  take_all();
  EXPECT_EQ(goes_by_, all("none"));
  publication_.publish(with_primary(2, 6));
  EXPECT_FALSE(publication_.is_rw_closed()) << "there is nobody to let go of";
  take_all();
  EXPECT_EQ(goes_by_, all("rw=2"));
}

// It may be stopped, or starved of its core: rw stays closed, and that can be seen.
TEST_F(Publication, StaysClosedForAsLongAsOneWorkerHasNotLetGo) {
  publication_.publish(with_primary(1, 1));
  take_all();
  publication_.publish(with_primary(2, 2));
  for (std::uint64_t generation = 3; generation < 10; ++generation) {
    publication_.publish(with_primary(2, generation));
    while (take(0) || take(1)) continue;
  }
  EXPECT_TRUE(publication_.is_rw_closed());
  EXPECT_EQ(goes_by_[0], "none");
  EXPECT_EQ(goes_by_[1], "none");
}

}  // namespace
}  // namespace pgsteer::runtime
