// One backend's probe: its answers, its failures, and when it asks.
#include "unit/probe/prober_test.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <filesystem>

namespace pgsteer::probe {
namespace {

class Prober : public prober_test {};

TEST_F(Prober, HandsOverTheRoleOfABackendThatAnswers) {
  fake_backend backend(context_, {.logs_in = true});
  ASSERT_EQ(first_outcome(backend.address()), probe_outcome::answered);
  const probe_result& result = results_.front();
  ASSERT_TRUE(result.answer.has_value());
  EXPECT_TRUE(result.answer->is_in_recovery);
  EXPECT_EQ(result.answer->system.value, 42U);
  EXPECT_EQ(result.answer->timeline.value, 3U);
  EXPECT_EQ(result.answer->server_version, 150018);
  EXPECT_LE(result.sent_at, result.received_at);
}

TEST_F(Prober, KeepsOneConnectionOpen) {
  fake_backend backend(context_, {.logs_in = true});
  probe(backend.address());
  ASSERT_TRUE(run_until([&] { return backend.queries() >= 5; }));
  EXPECT_EQ(backend.logins(), 1);
}

struct refusal {
  std::string name;
  std::string answer;
  probe_outcome outcome;
};

TEST_F(Prober, NamesEveryWayToRefuseALogin) {
  const std::vector<refusal> cases{
      {"starting up", error_response("FATAL", "57P03"), probe_outcome::not_accepting},
      {"full", error_response("FATAL", "53300"), probe_outcome::too_many_clients},
      {"wrong password", error_response("FATAL", "28P01"), probe_outcome::wrong_credentials},
      {"no database", error_response("FATAL", "3D000"), probe_outcome::missing_database},
      {"another error", error_response("FATAL", "42501"), probe_outcome::query_failed},
      {"error of the oldest protocol", std::string("Ecould not fork\n\0", 17), probe_outcome::not_accepting},
      {"asks for a password", wire_message('R', std::string("\0\0\0\3", 4)),
       probe_outcome::wrong_credentials},
      {"HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n", probe_outcome::not_postgresql},
      {"SSH", "SSH-2.0-OpenSSH_9.2\r\n", probe_outcome::not_postgresql},
  };
  for (const auto& entry : cases) {
    SCOPED_TRACE(entry.name);
    results_.clear();
    fake_backend backend(context_, {.first_answer = entry.answer});
    EXPECT_EQ(first_outcome(backend.address()), entry.outcome);
    EXPECT_FALSE(results_.front().message.empty());
    EXPECT_EQ(results_.front().message.find('\n'), std::string::npos);
  }
}

TEST_F(Prober, NamesWhatIsNotPostgresqlThoughItAsksForTls) {
  options_.sslmode = "prefer";
  for (const std::string answer : {"HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n"}) {
    SCOPED_TRACE(answer);
    results_.clear();
    fake_backend backend(context_, {.first_answer = answer});
    EXPECT_EQ(first_outcome(backend.address()), probe_outcome::not_postgresql);
  }
}

TEST_F(Prober, TellsMissingTlsFromEverythingElse) {
  options_.sslmode = "require";
  fake_backend backend(context_, {.first_answer = "N"});
  EXPECT_EQ(first_outcome(backend.address()), probe_outcome::tls_failed);
}

TEST_F(Prober, WaitsForASilentListenerNoLongerThanTheTimeout) {
  give_up_after(milliseconds{250});
  fake_backend backend(context_, {});
  const time_point before = clock::now();
  EXPECT_EQ(first_outcome(backend.address()), probe_outcome::timed_out);
  EXPECT_GE(clock::now() - before, options_.timeout);
}

TEST_F(Prober, TellsARefusedDial) {
  boost::asio::ip::tcp::acceptor taken(context_, {boost::asio::ip::address_v4::loopback(), 0});
  const endpoint address{"127.0.0.1", taken.local_endpoint().port()};
  taken.close();
  EXPECT_EQ(first_outcome(address), probe_outcome::refused);
}

TEST_F(Prober, TellsAnAddressThatAcceptsAndHangsUp) {
  for (const std::string sslmode : {"disable", "prefer", "require"}) {
    SCOPED_TRACE(sslmode);
    options_.sslmode = sslmode;
    results_.clear();
    fake_backend backend(context_, {.hangs_up = true});
    EXPECT_EQ(first_outcome(backend.address()), probe_outcome::connection_lost);
  }
}

TEST_F(Prober, TellsWhenItsPasswordFileIsMissing) {
  options_.password_file = (std::filesystem::temp_directory_path() / "pgsteer-no-such-file").string();
  fake_backend backend(context_, {.logs_in = true});
  EXPECT_EQ(first_outcome(backend.address()), probe_outcome::wrong_credentials);
  EXPECT_EQ(backend.logins(), 0);
}

TEST_F(Prober, NoticesTheEndOfAnIdleConnectionAtOnceAndLogsInAgain) {
  options_.interval = test::beyond_patience;
  fake_backend backend(context_, {.logs_in = true});
  ASSERT_EQ(first_outcome(backend.address()), probe_outcome::answered);
  backend.end_all();
  ASSERT_TRUE(run_until_outcome(probe_outcome::connection_lost));
  ASSERT_TRUE(run_until_outcome(probe_outcome::answered));
  EXPECT_EQ(backend.logins(), 2);
}

TEST_F(Prober, KeepsTheWordsOfAServerThatSaysGoodbye) {
  options_.interval = test::beyond_patience;
  fake_backend backend(context_, {.logs_in = true});
  ASSERT_EQ(first_outcome(backend.address()), probe_outcome::answered);
  backend.say_to_all(error_response("FATAL", "57P01"));
  ASSERT_TRUE(run_until_outcome(probe_outcome::connection_lost));
  EXPECT_EQ(results_.back().message, "57P01: as told");
}

TEST_F(Prober, AsksAgainWhenTheRoleChangedMidway) {
  fake_backend backend(context_, {.logs_in = true, .has_role_changed_once = true});
  EXPECT_EQ(first_outcome(backend.address()), probe_outcome::answered);
  EXPECT_TRUE(results_.front().answer.has_value());
  EXPECT_EQ(backend.queries(), 2);
}

TEST_F(Prober, KeepsTheConnectionWhenOnlyTheQueryFailed) {
  fake_backend backend(context_, {.logs_in = true, .query_error = error_response("ERROR", "42501")});
  EXPECT_EQ(first_outcome(backend.address()), probe_outcome::query_failed);
  EXPECT_EQ(results_.front().message, "42501: as told");
  backend.behave({.logs_in = true});
  ASSERT_TRUE(run_until_outcome(probe_outcome::answered));
  EXPECT_EQ(backend.logins(), 1);
}

// A hung postmaster: sessions that live go on, new ones get no answer.
TEST_F(Prober, SeesBehindAnOpenConnectionThatLoginsHang) {
  options_.login_interval = milliseconds{50};
  give_up_after(milliseconds{250});
  fake_backend backend(context_, {.logs_in = true});
  probe(backend.address());
  ASSERT_TRUE(run_until_outcome(probe_outcome::answered));
  backend.behave({});
  ASSERT_TRUE(run_until_outcome(probe_outcome::login_hung));
  EXPECT_TRUE(results_.back().answer.has_value());
  const int logins = backend.logins();
  backend.behave({.logs_in = true});
  ASSERT_TRUE(run_until_outcome(probe_outcome::answered));
  EXPECT_GT(backend.logins(), logins);
}

// To be asked for a password shows that the postmaster and a new process answer; to give it is not worth its
// rounds of SCRAM each time.
TEST_F(Prober, TakesTheWishForAPasswordForASignOfLife) {
  options_.login_interval = milliseconds{50};
  give_up_after(seconds{1});  // more than ten times what an answer takes on a busy machine: none may be lost
  fake_backend backend(context_, {.logs_in = true});
  ASSERT_EQ(first_outcome(backend.address()), probe_outcome::answered);
  backend.behave({});
  ASSERT_TRUE(run_until_outcome(probe_outcome::login_hung));
  const std::string password_please("\0\0\0\3", 4);
  backend.behave({.first_answer = wire_message('R', password_please)});
  ASSERT_TRUE(run_until_outcome(probe_outcome::answered));
  const std::size_t results = results_.size();
  const int accepted = backend.accepted();
  ASSERT_TRUE(run_until([&] { return backend.accepted() >= accepted + 3; }));  // fresh logins, one at a time
  EXPECT_EQ(backend.logged_in(), 1) << "the open connection, still the same";
  for (std::size_t i = results; i < results_.size(); ++i)
    EXPECT_EQ(results_[i].outcome, probe_outcome::answered);
}

// A storm of logins: the probe's own waits in line with all others, and others are let in meanwhile.
TEST_F(Prober, DoesNotTakeABusyBackendForAHungOne) {
  options_.login_interval = milliseconds{50};
  give_up_after(milliseconds{100});
  fake_backend backend(context_, {.logs_in = true});
  probe(backend.address());
  ASSERT_TRUE(run_until_outcome(probe_outcome::answered));
  backend.behave({});
  const int accepted = backend.accepted();
  ASSERT_TRUE(run_until([&] {
    ++logins_answered_;
    return backend.accepted() >= accepted + 4;  // fresh logins one after the other, the first three in vain
  }));
  for (const probe_result& result : results_) EXPECT_NE(result.outcome, probe_outcome::login_hung);
}

TEST_F(Prober, SaysThatAnAnswerIsLateBeforeItGivesUp) {
  options_.late_after = milliseconds{20};
  give_up_after(milliseconds{250});
  fake_backend backend(context_, {.logs_in = true});
  probe(backend.address());
  ASSERT_TRUE(run_until_outcome(probe_outcome::answered));
  backend.behave({.logs_in = true, .ignores_queries = true});
  const int queries = backend.queries();
  ASSERT_TRUE(run_until([&] { return backend.queries() > queries; }));
  ASSERT_TRUE(run_until_outcome(probe_outcome::timed_out));
  const time_point asked = results_.back().sent_at;
  const auto told = std::find_if(late_.begin(), late_.end(),
                                 [asked](const lateness& late) { return late.sent_at == asked; });
  ASSERT_NE(told, late_.end());
  EXPECT_LT(told->results_before, results_.size()) << "before the result";
  for (const lateness& late : late_) EXPECT_GE(late.told_at - late.sent_at, options_.late_after);
}

TEST_F(Prober, AsksOnceWhenALoginIsSlow) {
  options_.interval = test::beyond_patience;
  fake_backend backend(context_, {.logs_in = true});
  ASSERT_EQ(first_outcome(backend.address()), probe_outcome::answered);
  prober_->ask_once(some_id);
  ASSERT_TRUE(run_until([&] { return backend.queries() == 2; }));
  context_.run_for(milliseconds{60});
  EXPECT_EQ(backend.queries(), 2);
}

// A newer answer is all that is wanted: a fresh login would take a connection, of which there may be none.
TEST_F(Prober, AsksSoonWithoutAFreshLogin) {
  options_.interval = options_.login_interval = options_.primary_login_interval = test::beyond_patience;
  fake_backend backend(context_, {.logs_in = true});
  ASSERT_EQ(first_outcome(backend.address()), probe_outcome::answered);
  prober_->ask_soon(some_id);
  ASSERT_TRUE(run_until([&] { return backend.queries() == 2; }));
  context_.run_for(milliseconds{60});
  EXPECT_EQ(backend.queries(), 2);
  EXPECT_EQ(backend.logins(), 1);
}

TEST_F(Prober, KeepsAskingOnTheOpenConnectionWhileThePasswordIsWrong) {
  options_.login_interval = milliseconds{50};
  fake_backend backend(context_, {.logs_in = true});
  ASSERT_EQ(first_outcome(backend.address()), probe_outcome::answered);
  backend.behave({.first_answer = error_response("FATAL", "28P01")});
  ASSERT_TRUE(run_until([&] { return backend.queries() > 8; }));
  EXPECT_TRUE(std::all_of(results_.begin(), results_.end(), [](const probe_result& result) {
    return result.outcome == probe_outcome::answered;
  }));
}

TEST_F(Prober, AsksAtOnceOnAHint) {
  options_.interval = test::beyond_patience;
  fake_backend backend(context_, {.logs_in = true});
  ASSERT_EQ(first_outcome(backend.address()), probe_outcome::answered);
  prober_->hint(some_id);
  ASSERT_TRUE(run_until([&] { return backend.queries() >= 4; }));
}

TEST_F(Prober, ReportsNothingAfterItWasStopped) {
  fake_backend backend(context_, {.logs_in = true});
  ASSERT_EQ(first_outcome(backend.address()), probe_outcome::answered);
  const auto before = results_.size();
  prober_->stop();
  backend.end_all();
  context_.run_for(milliseconds{60});
  EXPECT_EQ(results_.size(), before);
}

TEST_F(Prober, MayBeStoppedFromItsOwnCallback) {
  fake_backend backend(context_, {.logs_in = true});
  probe_callbacks callbacks;
  callbacks.on_result = [&](backend_id, const probe_result& result) {
    results_.push_back(result);
    prober_->stop();
  };
  prober_.emplace(context_, options_, std::move(callbacks));
  const std::vector<probe_target> targets{{some_id, "", backend.address()}};
  prober_->set_targets(targets);
  ASSERT_TRUE(run_until_result());
  context_.run_for(milliseconds{60});
  EXPECT_EQ(results_.size(), 1U);
}

TEST_F(Prober, EndsTheProbesOfTargetsNoLongerNamed) {
  fake_backend backend(context_, {.logs_in = true});
  ASSERT_EQ(first_outcome(backend.address()), probe_outcome::answered);
  prober_->set_targets({});
  const auto before = results_.size();
  context_.run_for(milliseconds{60});
  EXPECT_EQ(results_.size(), before);
}

TEST_F(Prober, LetsASlowBackendDelayNobody) {
  fake_backend silent(context_, {});
  fake_backend quick(context_, {.logs_in = true});
  std::vector<backend_id> order;
  probe_callbacks callbacks;
  callbacks.on_result = [&](backend_id id, const probe_result&) { order.push_back(id); };
  prober_.emplace(context_, options_, std::move(callbacks));
  const std::vector<probe_target> targets{{backend_id{1}, "", silent.address()},
                                          {backend_id{2}, "", quick.address()}};
  prober_->set_targets(targets);
  ASSERT_TRUE(run_until([&] { return order.size() >= 5 && silent.accepted() == 1; }));
  EXPECT_EQ(std::count(order.begin(), order.end(), backend_id{1}), 0) << "it is still waited for";
}

// The role that probes is another one from now on: its login comes beside the open connection, and is asked
// from then on. Nothing is lost meanwhile.
TEST_F(Prober, LogsInByChangedOptionsBesideTheOpenConnection) {
  fake_backend backend(context_, {.logs_in = true});
  ASSERT_EQ(first_outcome(backend.address()), probe_outcome::answered);
  options_.user = "another";
  prober_->change_options(options_);
  ASSERT_TRUE(run_until([&] { return backend.logins() == 2 && backend.logged_in() == 1; }));
  EXPECT_TRUE(std::ranges::all_of(
      results_, [](const probe_result& each) { return each.outcome == probe_outcome::answered; }));
}

// A password is rotated in its file, which is noticed.
TEST_F(Prober, RenewsItsLoginsBesideTheOpenConnection) {
  fake_backend backend(context_, {.logs_in = true});
  ASSERT_EQ(first_outcome(backend.address()), probe_outcome::answered);
  prober_->renew_logins();
  ASSERT_TRUE(run_until([&] { return backend.logins() == 2 && backend.logged_in() == 1; }));
  EXPECT_TRUE(std::ranges::all_of(
      results_, [](const probe_result& each) { return each.outcome == probe_outcome::answered; }));
}

TEST_F(Prober, KeepsItsConnectionWhereOnlyIntervalsChange) {
  options_.interval = test::beyond_patience;
  fake_backend backend(context_, {.logs_in = true});
  ASSERT_EQ(first_outcome(backend.address()), probe_outcome::answered);
  options_.interval = milliseconds{10};
  prober_->change_options(options_);
  ASSERT_TRUE(run_until([&] { return backend.queries() >= 4; }));
  EXPECT_EQ(backend.logins(), 1);
}

}  // namespace
}  // namespace pgsteer::probe
