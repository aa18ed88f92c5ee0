// The sources over a resolver that the test answers itself: no network; real time only in milliseconds.
#include "pgsteer/discovery/source.hpp"

#include <gtest/gtest.h>

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "discovery/name_watch.hpp"
#include "discovery/sources.hpp"
#include "support/eventually.hpp"

namespace pgsteer::discovery {
namespace {

using backends = std::vector<discovered_backend>;

struct scripted_answer {
  error_code ec = {};
  addresses found = {};
};

class Source : public testing::Test {
 protected:
  // Answers a name with its script, one entry a call, the last one for ever.
  resolve_function resolver() {
    return [this](const std::string& name, std::function<void(error_code, addresses)> on_end) {
      ++calls_;
      if (is_slow_) {
        pending_.push_back(std::move(on_end));
        return;
      }
      auto& script = scripts_[name];
      const scripted_answer answer = script.empty() ? scripted_answer{} : script.front();
      if (script.size() > 1) script.pop_front();
      boost::asio::post(context_, [answer, on_end] { on_end(answer.ec, answer.found); });
    };
  }
  void start(std::unique_ptr<source> made) {
    source_ = std::move(made);
    source_->start({.change = [this](const backends& set) { published_.push_back(set); }});
  }
  void start_dns(const std::string& name = "pg.test") {
    start(make_dns_source(context_, {name, 5432, refresh_}, resolver()));
  }
  void start_static(std::vector<endpoint> list) {
    start(make_static_source(context_, {std::move(list), refresh_}, resolver()));
  }
  bool run_until(const std::function<bool()>& claim) {
    const time_point limit = clock::now() + test::patience;
    while (!claim() && clock::now() < limit) context_.run_one_for(milliseconds{50});
    return claim();
  }
  // For some tens of looks; false if the claim never holds.
  bool run_for_a_while(const std::function<bool()>& claim) {
    const time_point limit = clock::now() + milliseconds{300};
    while (!claim() && clock::now() < limit) context_.run_one_for(milliseconds{10});
    return claim();
  }
  bool run_until_calls(int count) {
    return run_until([this, count] { return calls_ >= count; });
  }

  static discovered_backend of_dns(const std::string& address) { return {"pg.test:5432", {address, 5432}}; }

  boost::asio::io_context context_{1};
  duration refresh_ = std::chrono::microseconds{100};
  std::map<std::string, std::deque<scripted_answer>> scripts_;
  std::vector<std::function<void(error_code, addresses)>> pending_;
  bool is_slow_ = false;
  int calls_ = 0;
  std::vector<backends> published_;
  std::unique_ptr<source> source_;
};

using DnsSource = Source;
using StaticSource = Source;

const error_code not_found = boost::asio::error::host_not_found;

TEST_F(DnsSource, MakesEveryRecordABackendSortedAndOnce) {
  scripts_["pg.test"] = {{{}, {"10.0.0.2", "fd00::1", "10.0.0.1", "10.0.0.2"}}};
  start_dns();
  ASSERT_TRUE(run_until([&] { return !published_.empty(); }));
  EXPECT_EQ(published_[0], (backends{of_dns("10.0.0.1"), of_dns("10.0.0.2"), of_dns("fd00::1")}));
}

TEST_F(DnsSource, CallsBackOnlyOnChange) {
  scripts_["pg.test"] = {{{}, {"10.0.0.1", "10.0.0.2"}},
                         {{}, {"10.0.0.2", "10.0.0.1"}},  // shuffled
                         {{}, {"10.0.0.2"}},
                         {{}, {"10.0.0.2"}}};
  start_dns();
  ASSERT_TRUE(run_until_calls(5));
  ASSERT_EQ(published_.size(), 2U);
  EXPECT_EQ(published_[1], backends{of_dns("10.0.0.2")});
}

TEST_F(DnsSource, KeepsTheLastGoodAnswer) {
  scripts_["pg.test"] = {{{}, {"10.0.0.1"}},
                         {not_found, {}},
                         {{}, {}},
                         {boost::asio::error::host_not_found_try_again, {}},
                         {{}, {"10.0.0.1"}}};
  start_dns();
  ASSERT_TRUE(run_until_calls(6));
  EXPECT_EQ(published_, std::vector<backends>{backends{of_dns("10.0.0.1")}});
}

TEST_F(DnsSource, WaitsForANameThatDoesNotExistYet) {
  scripts_["pg.test"] = {{not_found, {}}, {{}, {"10.0.0.1"}}};
  start_dns();
  ASSERT_TRUE(run_until([&] { return !published_.empty(); }));
  EXPECT_EQ(published_[0], backends{of_dns("10.0.0.1")});
}

TEST_F(DnsSource, PublishesEveryFlapOfAnAnswer) {
  scripts_["pg.test"] = {{{}, {"10.0.0.1"}}, {{}, {"10.0.0.2"}}, {{}, {"10.0.0.1"}}};
  start_dns();
  ASSERT_TRUE(run_until([&] { return published_.size() == 3; }));
  EXPECT_EQ(published_[0], published_[2]);
}

TEST_F(DnsSource, NeverAsksTwiceAtOnce) {
  is_slow_ = true;
  start_dns();
  for (int i = 0; i < 10; ++i) source_->refresh_now();
  context_.run_for(milliseconds{150});
  EXPECT_EQ(calls_, 1);
}

TEST_F(DnsSource, AsksAgainAfterAHintThatCameDuringAResolution) {
  refresh_ = test::beyond_patience;
  is_slow_ = true;
  start_dns();
  source_->refresh_now();
  pending_.front()({}, {"10.0.0.1"});
  ASSERT_TRUE(run_until_calls(2));
}

TEST_F(DnsSource, LooksAtOnceOnAHintButNotOftenerThanTheGap) {
  refresh_ = test::beyond_patience;
  scripts_["pg.test"] = {{{}, {"10.0.0.1"}}, {{}, {"10.0.0.2"}}};
  const time_point before = clock::now();
  start_dns();
  ASSERT_TRUE(run_until([&] { return published_.size() == 1; }));
  for (int i = 0; i < 100; ++i) source_->refresh_now();
  ASSERT_TRUE(run_until([&] { return published_.size() == 2; }));
  EXPECT_GE(clock::now() - before, refresh_gap_min);
  EXPECT_EQ(calls_, 2);
}

TEST_F(DnsSource, IsSilentOnceStopped) {
  is_slow_ = true;
  start_dns();
  source_->stop();
  pending_.front()({}, {"10.0.0.1"});
  source_->refresh_now();
  context_.run_for(milliseconds{5});
  EXPECT_TRUE(published_.empty());
  EXPECT_EQ(calls_, 1);
}

TEST_F(DnsSource, MayBeDestroyedDuringAResolution) {
  is_slow_ = true;
  start_dns();
  source_.reset();
  pending_.front()({}, {"10.0.0.1"});
  EXPECT_TRUE(published_.empty());
}

TEST_F(DnsSource, MayBeDestroyedFromItsOwnCallback) {
  scripts_["pg.test"] = {{{}, {"10.0.0.1"}}};
  source_ = make_dns_source(context_, {"pg.test", 5432, refresh_}, resolver());
  source_->start({.change = [this](const backends& set) {
    published_.push_back(set);
    source_.reset();
  }});
  ASSERT_TRUE(run_until([&] { return !published_.empty(); }));
  context_.run_for(milliseconds{5});
  EXPECT_EQ(published_.size(), 1U);
}

TEST_F(StaticSource, NeedsNoResolverForNumbers) {
  start_static({{"10.0.0.2", 5432}, {"0:0::1", 5433}, {"10.0.0.2", 5432}});
  ASSERT_TRUE(run_until([&] { return !published_.empty(); }));
  context_.run_for(milliseconds{5});
  EXPECT_EQ(
      published_,
      (std::vector<backends>{{{"10.0.0.2:5432", {"10.0.0.2", 5432}}, {"[0:0::1]:5433", {"::1", 5433}}}}));
  EXPECT_EQ(calls_, 0);
}

TEST_F(StaticSource, NeedsNoResolverForUnixSockets) {
  start_static({{"/run/postgresql", 5432}, {"/run/postgresql", 5433}});
  ASSERT_TRUE(run_until([&] { return !published_.empty(); }));
  EXPECT_EQ(published_, (std::vector<backends>{{{"/run/postgresql:5432", {"/run/postgresql", 5432}},
                                                {"/run/postgresql:5433", {"/run/postgresql", 5433}}}}));
  EXPECT_EQ(calls_, 0);
}

TEST_F(StaticSource, KnowsWhoIsInTheOwnZone) {
  static_options options{{{"10.0.0.1", 5432}, {"10.0.0.2", 5432}, {"10.0.0.3", 5432}}};
  options.zones = {{{"10.0.0.1", 5432}, "east"}, {{"10.0.0.2", 5432}, "west"}};
  source_ = make_source(context_, options, "east");
  source_->start({.change = [this](const backends& set) { published_.push_back(set); }});
  ASSERT_TRUE(run_until([&] { return !published_.empty(); }));
  std::string words;
  for (const discovered_backend& each : published_.back())
    words += "[" + each.zone + (each.is_in_own_zone ? "!" : "") + "]";
  EXPECT_EQ(words, "[east!][west][]");
}

TEST_F(StaticSource, TakesTheFirstAddressOfANameAndKeepsIt) {
  scripts_["pg-1"] = {{{}, {"10.0.0.1", "10.0.0.9"}}, {{}, {"10.0.0.9", "10.0.0.1"}}, {{}, {"10.0.0.9"}}};
  start_static({{"pg-1", 5432}});
  ASSERT_TRUE(run_until_calls(5));
  ASSERT_EQ(published_.size(), 2U);
  EXPECT_EQ(published_[0], (backends{{"pg-1:5432", {"10.0.0.1", 5432}}}));
  EXPECT_EQ(published_[1], (backends{{"pg-1:5432", {"10.0.0.9", 5432}}}));
}

TEST_F(StaticSource, DoesNotWaitForANameThatFails) {
  scripts_["pg-1"] = {{not_found, {}}, {not_found, {}}, {{}, {"10.0.0.1"}}};
  start_static({{"pg-1", 5432}, {"10.0.0.2", 5432}});
  ASSERT_TRUE(run_until([&] { return published_.size() == 2; }));
  EXPECT_EQ(published_[0], (backends{{"10.0.0.2:5432", {"10.0.0.2", 5432}}}));
  EXPECT_EQ(published_[1],
            (backends{{"10.0.0.2:5432", {"10.0.0.2", 5432}}, {"pg-1:5432", {"10.0.0.1", 5432}}}));
}

TEST_F(StaticSource, IsOneBackendUnderTwoNames) {
  scripts_["pg-1"] = scripts_["pg-2"] = {{{}, {"10.0.0.1"}}};
  start_static({{"pg-2", 5432}, {"pg-1", 5432}});
  ASSERT_TRUE(run_until_calls(6));
  EXPECT_EQ(published_.back(), (backends{{"pg-1:5432", {"10.0.0.1", 5432}}}));
}

TEST_F(StaticSource, IsSilentOnceStopped) {
  start_static({{"10.0.0.2", 5432}});
  source_->stop();
  context_.run_for(milliseconds{5});
  EXPECT_TRUE(published_.empty());
}

// A reload names backends that were addresses before: nothing is told before they are resolved, or cannot be.
TEST_F(StaticSource, WaitsForItsNamesWhereItFollowsAnotherSource) {
  is_slow_ = true;
  const static_options options{{{"pg-1", 5432}, {"10.0.0.9", 5432}, {"pg-2", 5432}},
                               seconds{60},
                               {},
                               std::map<endpoint, std::string>{}};
  start(make_static_source(context_, options, resolver()));
  ASSERT_TRUE(run_until([&] { return pending_.size() == 2; }));
  pending_[0]({}, {"10.0.0.1"});
  EXPECT_FALSE(run_for_a_while([&] { return !published_.empty(); }));
  pending_[1](boost::asio::error::host_not_found, {});
  ASSERT_TRUE(run_until([&] { return published_.size() == 1; }));
  EXPECT_EQ(published_.front(),
            (backends{{"10.0.0.9:5432", {"10.0.0.9", 5432}, {}}, {"pg-1:5432", {"10.0.0.1", 5432}, {}}}));
}

// A reload makes a new source of the same names: nobody is lost until they have been resolved once more.
TEST_F(StaticSource, BeginsWithTheAddressesThatNamesHadBefore) {
  scripts_["pg-1"] = {{boost::asio::error::host_not_found, {}}, {{}, {"10.0.0.2"}}};
  const endpoint named{"pg-1", 5432};
  start(make_static_source(
      context_,
      {{named, {"10.0.0.9", 5432}}, refresh_, {}, std::map<endpoint, std::string>{{named, "10.0.0.1"}}},
      resolver()));
  ASSERT_TRUE(run_until([&] { return published_.size() == 2; }));
  EXPECT_EQ(published_.front(),
            (backends{{"10.0.0.9:5432", {"10.0.0.9", 5432}, {}}, {"pg-1:5432", {"10.0.0.1", 5432}, {}}}));
  EXPECT_EQ(published_.back(),
            (backends{{"10.0.0.9:5432", {"10.0.0.9", 5432}, {}}, {"pg-1:5432", {"10.0.0.2", 5432}, {}}}));
}

TEST_F(Source, IsMadeFromItsOptions) {
  source_ = make_source(context_, static_options{{{"localhost", 5432}}, seconds{2}});
  source_->start({.change = [this](const backends& set) { published_.push_back(set); }});
  ASSERT_TRUE(run_until([&] { return !published_.empty(); }));
  EXPECT_EQ(published_[0][0].name, "localhost:5432");
}

}  // namespace
}  // namespace pgsteer::discovery
