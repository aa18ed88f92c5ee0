// `pgsteer sessions` and `pgsteer session kill` against a control socket whose pgsteer is the test.
#include "pgsteer/admin/session_command.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <sstream>

#include "admin/admin_client.hpp"
#include "admin/session_list_json.hpp"
#include "pgsteer/admin/control_server.hpp"
#include "unit/admin/served_control.hpp"

namespace pgsteer::admin {
namespace {

using ::testing::HasSubstr;

class SessionCommand : public ::testing::Test {
 protected:
  SessionCommand() {
    control_provider provider;
    provider.sessions = [this](session_list_taker taker) {
      control_.later([this, taker = std::move(taker)] {
        for (const live_session& each : sessions_) taker.some({each});
        taker.over(rest_);
      });
    };
    provider.kill_session = [this](const std::string& id, std::function<void(const kill_report&)> on_done) {
      killed_.push_back(id);
      control_.later([this, on_done = std::move(on_done)] { on_done(report_); });
    };
    control_.serve(std::move(provider));
  }
  std::string path() const { return control_.path(); }
  int list(const sessions_request& wanted = {}) { return run_sessions(path(), wanted, out_, err_); }
  int kill(const std::string& id) { return run_session_kill(path(), id, out_, err_); }
  boost::beast::http::status status_of(question asked) const { return control_.status_of(std::move(asked)); }
  void add_session(const std::string& id, const std::string& user) {
    live_session& made = sessions_.emplace_back();
    made.id = id;
    made.listener = "rw";
    made.user = user;
    made.database = "orders";
    made.client = "10.0.0.9:41234";
    made.backend = "pg-1";
    made.backend_address = "10.0.0.1:5432";
    made.state = "idle";
  }

  std::vector<live_session> sessions_;
  session_list_taker::rest rest_{.backends = {{"pg-1", "10.0.0.1:5432"}, {"pg-2", "10.0.0.2:5432"}},
                                 .missing = {}};
  kill_report report_;
  std::vector<std::string> killed_;
  std::ostringstream out_;
  std::ostringstream err_;
  served_control control_;
};

TEST_F(SessionCommand, ListsThem) {
  add_session("1", "app");
  add_session("2f", "other");
  EXPECT_EQ(list(), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("\n1   rw"));
  EXPECT_THAT(out_.str(), HasSubstr("\n2f  rw"));
  EXPECT_THAT(out_.str(), HasSubstr("\n\n2 sessions\n"));
  EXPECT_EQ(err_.str(), "");
}

TEST_F(SessionCommand, ListsThemForPrograms) {
  add_session("1", "app");
  add_session("2f", "other");
  EXPECT_EQ(list({.backend = {}, .user = "other", .as_json = true}), 0) << err_.str();
  const boost::json::value printed = boost::json::parse(out_.str());
  const auto& sessions = printed.at("sessions").as_array();
  ASSERT_EQ(sessions.size(), 1U);
  EXPECT_EQ(read_live_session(sessions[0])->id, "2f");
  out_.str("");
  EXPECT_EQ(list({.backend = {}, .user = "nobody", .as_json = true}), 0);
  EXPECT_TRUE(boost::json::parse(out_.str()).at("sessions").as_array().empty());
}

TEST_F(SessionCommand, AnUnknownBackendIsAnError) {
  add_session("1", "app");
  EXPECT_EQ(list({.backend = "pg-2", .user = {}}), 0) << "a backend without sessions is known";
  EXPECT_THAT(out_.str(), HasSubstr("0 of 1 session\n"));
  out_.str("");
  EXPECT_EQ(list({.backend = "pg-3\x1b", .user = {}}), 1);
  EXPECT_EQ(out_.str(), "");
  EXPECT_EQ(err_.str(),
            "pgsteer sessions: --backend: expected one of pg-1 (10.0.0.1:5432), pg-2 (10.0.0.2:5432), found "
            "\"pg-3?\"\n");
}

TEST_F(SessionCommand, TellsWhatIsMissing) {
  add_session("1", "app");
  rest_.missing = {"worker 1 has not answered"};
  EXPECT_EQ(list(), 1);
  EXPECT_THAT(out_.str(), HasSubstr("\n1 session\n")) << "what is known is shown all the same";
  EXPECT_EQ(err_.str(), "pgsteer sessions: not complete: worker 1 has not answered\n");
}

TEST_F(SessionCommand, TenThousandFit) {
  for (int i = 0; i < 10'000; ++i) add_session(std::to_string(i), std::string(63, '\x01'));
  EXPECT_EQ(list({.backend = {}, .user = {}, .as_json = true}), 0) << err_.str();
  EXPECT_EQ(boost::json::parse(out_.str()).at("sessions").as_array().size(), 10'000U);
}

TEST_F(SessionCommand, EndsOne) {
  add_session("3f2a", "app");
  report_ = {.what = kill_report::outcome::done, .problem = {}, .was = sessions_.front()};
  EXPECT_EQ(kill("3f2a"), 0) << err_.str();
  EXPECT_EQ(out_.str(), "session 3f2a of app@orders from 10.0.0.9:41234 is ended\n");
  EXPECT_THAT(killed_, ::testing::ElementsAre("3f2a"));
}

TEST_F(SessionCommand, TellsWhyItCannotEndOne) {
  report_ = {.what = kill_report::outcome::impossible, .problem = "there is no session 3f2a \x1b", .was = {}};
  EXPECT_EQ(kill("3f2a"), 1);
  EXPECT_EQ(out_.str(), "");
  EXPECT_EQ(err_.str(), "pgsteer session kill: there is no session 3f2a ?\n");
}

TEST_F(SessionCommand, WhatIsNoIdIsNotAsked) {
  for (const char* none :
       {"", "x", "3f2g", "-1", "0x1", "1 2", "1/../../reload", "00000000000000001", "1\r\nA: b"}) {
    err_.str("");
    EXPECT_EQ(kill(none), 2) << none;
    EXPECT_THAT(err_.str(),
                HasSubstr("expected an ID as `pgsteer sessions` shows it, such as 3f2a, found \""));
  }
  EXPECT_TRUE(killed_.empty());
}

TEST_F(SessionCommand, KnowsItsPaths) {
  using boost::beast::http::status;
  report_.what = kill_report::outcome::done;
  EXPECT_EQ(status_of({"/v1/sessions"}), status::ok);
  EXPECT_EQ(status_of({"/v1/sessions/a/kill", question::kind::order}), status::ok);
  EXPECT_EQ(killed_.size(), 1U);
  EXPECT_EQ(status_of({"/v1/sessions/a/kill"}), status::not_found) << "a GET changes nothing";
  EXPECT_EQ(status_of({"/v1/sessions", question::kind::order}), status::not_found);
  for (const char* none : {"/v1/sessions/", "/v1/sessions/a", "/v1/sessions/kill", "/v1/sessions//kill",
                           "/v1/sessionsa/kill", "/v1/sessionskill"})
    EXPECT_EQ(status_of({none, question::kind::order}), status::not_found) << none;
  EXPECT_EQ(killed_.size(), 1U);
  report_.what = kill_report::outcome::impossible;
  EXPECT_EQ(status_of({"/v1/sessions/a/kill", question::kind::order}), status::conflict);
}

TEST_F(SessionCommand, NobodyIsThere) {
  control_.close();
  EXPECT_EQ(list(), 3);
  EXPECT_EQ(kill("1"), 3);
  EXPECT_THAT(err_.str(), HasSubstr("pgsteer sessions: "));
  EXPECT_THAT(err_.str(), HasSubstr("pgsteer session kill: "));
}

}  // namespace
}  // namespace pgsteer::admin
