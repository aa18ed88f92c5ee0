// The steps of a drain, with surroundings that only note them. Real time, of milliseconds.
#include "server/drain.hpp"

#include <gtest/gtest.h>

#include "support/eventually.hpp"

namespace pgsteer::server {
namespace {

using runtime::drain_step;

class Drain : public ::testing::Test {
 protected:
  bool run_until(const std::function<bool()>& claim) {
    const time_point limit = clock::now() + test::patience;
    while (!claim() && clock::now() < limit) context_.run_one_for(milliseconds{50});
    return claim();
  }
  bool is_at(drain_step step) const { return !orders_.empty() && orders_.back().drain == step; }

  boost::asio::io_context context_;
  std::vector<runtime::operator_orders> orders_;
  std::function<void()> on_closed_;
  std::size_t sessions_ = 3;
  int ends_ = 0;
  drain drain_{context_,
               {.publish = [this](const runtime::operator_orders& orders) { orders_.push_back(orders); },
                .close_listeners = [this](std::function<void()> told) { on_closed_ = std::move(told); },
                .session_count = [this] { return sessions_; },
                .on_over = [this] { ++ends_; }}};
};

TEST_F(Drain, ClosesAtOnceWithoutAGraceTime) {
  EXPECT_FALSE(drain_.has_begun());
  const time_point asked = clock::now();
  drain_.begin({.grace = {}, .timeout = test::beyond_patience});
  EXPECT_TRUE(drain_.has_begun());
  EXPECT_TRUE(on_closed_);
  EXPECT_TRUE(is_at(drain_step::leaving));
  EXPECT_GE(orders_.back().leave_by, asked + test::beyond_patience / 2);
  EXPECT_EQ(orders_.back().encrypted_quiet, test::beyond_patience / 2);
  drain_.begin({.grace = {}, .timeout = {}});
  EXPECT_EQ(orders_.size(), 2U) << "it has begun already";
}

TEST_F(Drain, AcceptsDuringItsGraceTime) {
  const time_point asked = clock::now();
  drain_.begin({.grace = milliseconds{50}, .timeout = test::beyond_patience});
  EXPECT_TRUE(is_at(drain_step::announced));
  EXPECT_FALSE(on_closed_);
  ASSERT_TRUE(run_until([&] { return is_at(drain_step::leaving); }));
  EXPECT_GE(clock::now() - asked, milliseconds{50});
  EXPECT_TRUE(on_closed_);
}

// A client may have been accepted in the last moment.
TEST_F(Drain, IsOverWithTheLastSessionOnceNobodyCanCome) {
  sessions_ = 0;
  drain_.begin({.grace = {}, .timeout = test::beyond_patience});
  for (int i = 0; i < 5; ++i) context_.run_one_for(milliseconds{50});
  EXPECT_EQ(ends_, 0);
  sessions_ = 1;
  on_closed_();
  for (int i = 0; i < 5; ++i) context_.run_one_for(milliseconds{50});
  EXPECT_EQ(ends_, 0);
  sessions_ = 0;
  ASSERT_TRUE(run_until([&] { return ends_ > 0; }));
  context_.run_for(milliseconds{100});
  EXPECT_EQ(ends_, 1);
  EXPECT_TRUE(is_at(drain_step::leaving));
}

TEST_F(Drain, EndsTheRestAfterItsTimeout) {
  const time_point asked = clock::now();
  drain_.begin({.grace = {}, .timeout = milliseconds{50}});
  ASSERT_TRUE(run_until([&] { return is_at(drain_step::ending); }));
  EXPECT_GE(clock::now() - asked, milliseconds{50});
}

TEST_F(Drain, MayBeHurriedAtEachStep) {
  drain_.hurry();
  EXPECT_TRUE(orders_.empty()) << "there is none";
  drain_.begin({.grace = test::beyond_patience, .timeout = test::beyond_patience});
  drain_.hurry();
  EXPECT_TRUE(on_closed_);
  EXPECT_TRUE(is_at(drain_step::ending));
  const std::size_t before = orders_.size();
  drain_.hurry();
  EXPECT_EQ(orders_.size(), before);
}

}  // namespace
}  // namespace pgsteer::server
