#pragma once
// The fixture of the prober's tests: one prober with one target, on the test's own io_context.
//
// Real sockets on loopback, since libpq needs them; every wait ends with an event, not with time.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pgsteer/probe/prober.hpp"
#include "support/eventually.hpp"
#include "unit/probe/fake_backend.hpp"

namespace pgsteer::probe {

using topology::backend_id;
using topology::probe_outcome;
using topology::probe_result;

inline constexpr backend_id some_id{7};

class prober_test : public testing::Test {
 protected:
  prober_test() {
    options_.sslmode = "disable";
    options_.interval = milliseconds{40};
    options_.burst_interval = milliseconds{5};
    options_.timeout = test::beyond_patience;
    options_.late_after = test::beyond_patience;
    options_.login_interval = test::beyond_patience;
    options_.watch_interval = test::beyond_patience;
  }
  // Unless a backend is to be silent, nothing acts because this process is slow.
  void give_up_after(milliseconds timeout) { options_.timeout = timeout; }

  void probe(const endpoint& address) {
    probe_callbacks callbacks;
    callbacks.on_result = [this](backend_id id, const probe_result& result) {
      EXPECT_EQ(id, some_id);
      results_.push_back(result);
    };
    callbacks.on_late = [this](backend_id id, time_point sent_at) {
      EXPECT_EQ(id, some_id);
      late_.push_back({sent_at, clock::now(), results_.size()});
    };
    callbacks.logins_answered = [this](backend_id) { return logins_answered_; };
    callbacks.sessions = [this](backend_id) { return sessions_; };
    prober_.emplace(context_, options_, std::move(callbacks));
    const std::vector<probe_target> targets{{some_id, to_string(address), address}};
    prober_->set_targets(targets);
  }

  // Turns the io_context until the claim holds; false if it never does.
  bool run_until(const std::function<bool()>& claim) {
    const time_point limit = clock::now() + test::patience;
    while (!claim() && clock::now() < limit) context_.run_one_for(milliseconds{100});
    return claim();
  }
  bool run_until_result() {
    const auto before = results_.size();
    return run_until([&] { return results_.size() > before; });
  }
  bool run_until_outcome(probe_outcome outcome) {
    const auto before = static_cast<std::ptrdiff_t>(results_.size());
    return run_until([&] {
      return std::any_of(results_.begin() + before, results_.end(),
                         [&](const probe_result& result) { return result.outcome == outcome; });
    });
  }
  probe_outcome first_outcome(const endpoint& address) {
    probe(address);
    EXPECT_TRUE(run_until_result());
    return results_.empty() ? probe_outcome::answered : results_.front().outcome;
  }

  struct lateness {
    time_point sent_at;
    time_point told_at;
    std::size_t results_before;
  };

  boost::asio::io_context context_{1};
  probe_options options_;
  std::vector<probe_result> results_;
  std::vector<lateness> late_;
  std::uint64_t logins_answered_ = 0;
  std::uint64_t sessions_ = 0;
  std::optional<prober> prober_;
};

}  // namespace pgsteer::probe
