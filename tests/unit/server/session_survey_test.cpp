// Workers are asked about their sessions a slice at a time, and one that hangs is not waited for.
#include "server/session_survey.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <future>
#include <map>

#include "support/eventually.hpp"
#include "support/shared_parts.hpp"

namespace pgsteer::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

runtime::state_ptr state_with_one_listener(runtime::drain_step drain) {
  runtime::options options;
  options.listeners.emplace_back().name = "rw";
  options.login.startup_timeout = test::beyond_patience;
  runtime::state made;
  made.options = std::make_shared<const runtime::options>(std::move(options));
  made.orders.drain = drain;
  return std::make_shared<const runtime::state>(std::move(made));
}

class SessionSurvey : public ::testing::Test {
 protected:
  using late_workers = session_survey::late_workers;

  SessionSurvey() {
    for (int i = 0; i < 2; ++i) {
      workers_.push_back(std::move(
          worker::make(parts_.shared, {}, state_with_one_listener(runtime::drain_step::none)).value()));
      workers_.back()->start();
    }
  }
  ~SessionSurvey() override {
    for (const auto& each : workers_) {
      each->publish(state_with_one_listener(runtime::drain_step::ending));
      each->finish();
    }
    for (const auto& each : workers_) each->join();
  }
  // Clients that say nothing.
  void add_sessions(std::size_t n, worker& to) {
    for (std::size_t i = 0; i < n; ++i) {
      int ends[2];
      ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
      clients_.emplace_back(ends[0]);
      session::accepted_client accepted;
      accepted.fd.reset(ends[1]);
      accepted.admission = std::get<login::admitted>(login::admit(parts_.permits, {}));
      accepted.accepted_at = clock::now();
      to.take(listener_, std::move(accepted));
    }
  }
  bool run_until(const std::function<bool()>& claim) {
    const time_point limit = clock::now() + test::patience;
    while (!claim() && clock::now() < limit) {
      control_.restart();
      control_.run_one_for(milliseconds{50});
    }
    return claim();
  }
  // How often each id was told.
  std::map<std::string, int> list(session_survey& survey) {
    std::map<std::string, int> seen;
    std::optional<late_workers> late;
    survey.list(
        [&](const session_survey::sessions& some) {
          largest_slice_ = std::max(largest_slice_, some.size());
          for (const auto& each : some) ++seen[session::to_string(each.id)];
        },
        [&](const late_workers& told) { late = told; });
    EXPECT_TRUE(run_until([&] { return late.has_value(); }));
    late_ = late.value_or(late_workers{});
    return seen;
  }
  std::optional<session::listed_session> kill(session_survey& survey, session::session_id which) {
    std::optional<session::listed_session> killed;
    bool is_over = false;
    survey.kill(which, [&](std::optional<session::listed_session> was, const late_workers& late) {
      killed = std::move(was);
      late_ = late;
      is_over = true;
    });
    EXPECT_TRUE(run_until([&] { return is_over; }));
    return killed;
  }

  test::shared_parts parts_;
  session::listener_state listener_{0, "rw"};
  boost::asio::io_context control_{1};
  std::vector<net::unique_fd> clients_;
  std::vector<std::unique_ptr<worker>> workers_;
  std::size_t largest_slice_ = 0;
  late_workers late_;
};

TEST_F(SessionSurvey, OfNobodyIsOver) {
  session_survey survey(control_, workers_);
  EXPECT_THAT(list(survey), IsEmpty());
  EXPECT_THAT(late_, IsEmpty());
  EXPECT_FALSE(kill(survey, {1}));
}

TEST_F(SessionSurvey, TellsEachOnceAFewAtATime) {
  session_survey survey(control_, workers_);
  add_sessions(700, *workers_[0]);
  add_sessions(3, *workers_[1]);
  const auto seen = list(survey);
  EXPECT_EQ(seen.size(), 703U);
  for (const auto& [id, n] : seen) EXPECT_EQ(n, 1) << id;
  EXPECT_LE(largest_slice_, 64U);
  EXPECT_THAT(late_, IsEmpty());
}

// One of the last slice, one of the other worker, and one that is not there any more.
TEST_F(SessionSurvey, EndsTheOneThatIsMeant) {
  session_survey survey(control_, workers_);
  add_sessions(700, *workers_[0]);
  add_sessions(3, *workers_[1]);
  for (const std::uint64_t which : {700U, 702U}) {
    const auto killed = kill(survey, {which});
    ASSERT_TRUE(killed) << which;
    EXPECT_EQ(killed->id.value, which);
    EXPECT_EQ(killed->stage, session::session_stage::logging_in);
    EXPECT_FALSE(kill(survey, {which}));
  }
  EXPECT_EQ(list(survey).size(), 701U);
}

TEST_F(SessionSurvey, DoesNotWaitForAWorkerThatHangs) {
  session_survey survey(control_, workers_, seconds{1});
  add_sessions(100, *workers_[0]);
  add_sessions(100, *workers_[1]);
  std::promise<void> gate;
  workers_[1]->ask([opened = gate.get_future().share()](session::worker_context&) { opened.wait(); });
  EXPECT_EQ(list(survey).size(), 100U);
  EXPECT_THAT(late_, ElementsAre(1U));
  EXPECT_FALSE(kill(survey, {150}));
  EXPECT_THAT(late_, ElementsAre(1U));
  EXPECT_TRUE(kill(survey, {50}));
  gate.set_value();
  const auto seen = list(survey);
  EXPECT_EQ(seen.size(), 199U);
  EXPECT_TRUE(seen.contains("96")) << "an order that was given up is not carried out later";
  EXPECT_THAT(late_, IsEmpty());
}

TEST_F(SessionSurvey, ManyAtOnceDoNotDisturbEachOther) {
  session_survey survey(control_, workers_);
  add_sessions(500, *workers_[0]);
  std::vector<std::size_t> counts(5);
  int over = 0;
  for (std::size_t& count : counts) {
    survey.list([&count](const session_survey::sessions& some) { count += some.size(); },
                [&over](const late_workers&) { ++over; });
  }
  clients_.resize(250);  // while they are looked at
  ASSERT_TRUE(run_until([&] { return over == 5; }));
  for (const std::size_t count : counts) {
    EXPECT_GE(count, 250U);
    EXPECT_LE(count, 500U);
  }
  EXPECT_TRUE(test::eventually(test::patience, [&] { return workers_[0]->session_count() == 250; }));
  EXPECT_EQ(list(survey).size(), 250U);
}

}  // namespace
}  // namespace pgsteer::server
