// The control socket over a real Unix socket: what it takes, what the commands make of its answers.
#include "pgsteer/admin/control_server.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <filesystem>
#include <future>
#include <sstream>
#include <thread>

#include "admin/admin_client.hpp"
#include "admin/control_reports.hpp"
#include "pgsteer/admin/control_command.hpp"
#include "pgsteer/admin/hand_over_client.hpp"
#include "support/eventually.hpp"
#include "unit/admin/served_control.hpp"

namespace pgsteer::admin {
namespace {

namespace http = boost::beast::http;
using outcome = reload_report::outcome;

class ControlServer : public ::testing::Test {
 protected:
  ControlServer() {
    control_provider provider;
    provider.reload = [this](std::function<void(const reload_report&)> on_done) {
      ++reloads_;
      control_.later([this, on_done = std::move(on_done)] { on_done(report_); });
    };
    provider.config_yaml = [] { return "workers: 2\n"; };
    provider.upgrade = [this](const std::string& binary, std::function<void(const upgrade_report&)> on_done) {
      binary_ = binary;
      control_.later([this, on_done = std::move(on_done)] { on_done(upgraded_); });
    };
    provider.order_backend = [this](const backend_order& order) {
      order_ = order;
      return ordered_;
    };
    provider.drain = [this] { return drained_; };
    provider.why_no_hand_over = [this] { return why_no_hand_over_; };
    provider.hand_over = [this](net::unique_fd connected) { handed_.set_value(std::move(connected)); };
    control_.serve(std::move(provider));
  }

  std::string path() const { return control_.path(); }
  boost::beast::http::status status_of(question asked) const { return control_.status_of(std::move(asked)); }
  int reload_command() { return run_reload(path(), out_, err_); }

  reload_report report_;
  int reloads_ = 0;
  upgrade_report upgraded_;
  std::string binary_ = "none";
  backend_order order_;
  backend_order_report ordered_;
  drain_report drained_;
  std::string why_no_hand_over_;
  std::promise<net::unique_fd> handed_;
  std::ostringstream out_;
  std::ostringstream err_;
  served_control control_;
};

TEST_F(ControlServer, KnowsItsPaths) {
  EXPECT_EQ(status_of({"/v1/config"}), http::status::ok);
  EXPECT_EQ(status_of({"/v1/reload", question::kind::order}), http::status::ok);
  EXPECT_EQ(status_of({"/v1/reload"}), http::status::not_found) << "a GET changes nothing";
  EXPECT_EQ(status_of({"/metrics"}), http::status::not_found);
  EXPECT_EQ(reloads_, 1);
}

TEST_F(ControlServer, TheCommandTellsWhatHasChanged) {
  report_.changes = {
      {"probe.interval", "500ms", "1s"}, {"listeners[ro]", "0.0.0.0:5433, any", ""}, {"workers", "1", "2"}};
  report_.restart_keys = {"workers"};
  EXPECT_EQ(reload_command(), 0);
  EXPECT_EQ(out_.str(),
            "probe.interval: 500ms -> 1s\n"
            "listeners[ro]: 0.0.0.0:5433, any -> (none)\n"
            "workers: 1 -> 2\n"
            "workers: not changed before the next start\n"
            "configuration reloaded\n");
  EXPECT_EQ(err_.str(), "");
}

TEST_F(ControlServer, TheCommandPrintsProblemsAsCheckDoes) {
  report_ = {outcome::invalid, {"a.yaml:1:2: x: expected y, found \x1b[2Jz", "a.yaml:2:2: q"}, {}, {}};
  EXPECT_EQ(reload_command(), 2);
  EXPECT_EQ(out_.str(), "");
  EXPECT_EQ(err_.str().find('\x1b'), std::string::npos) << "a terminal sees no control sequence";
  EXPECT_NE(err_.str().find("a.yaml:2:2: q\n"), std::string::npos);
  report_.what = outcome::impossible;
  EXPECT_EQ(reload_command(), 1);
}

TEST_F(ControlServer, TheCommandTellsWhoHasTakenOver) {
  upgraded_ = {.what = upgrade_report::outcome::done, .problem = {}, .pid = 4711, .sessions = 12};
  EXPECT_EQ(run_upgrade(path(), "/opt/pgsteer 2/pgsteer", out_, err_), 0);
  EXPECT_EQ(out_.str(), "process 4711 has taken over, with 12 sessions\n");
  EXPECT_EQ(binary_, "/opt/pgsteer 2/pgsteer");
  EXPECT_EQ(run_upgrade(path(), "", out_, err_), 0);
  EXPECT_EQ(binary_, "");
}

TEST_F(ControlServer, TheCommandTellsWhyNobodyHas) {
  upgraded_ = {.what = upgrade_report::outcome::impossible, .problem = "it finds no primary \x1b[2J"};
  EXPECT_EQ(run_upgrade(path(), "", out_, err_), 1);
  EXPECT_EQ(out_.str(), "");
  EXPECT_NE(err_.str().find("it finds no primary"), std::string::npos);
  EXPECT_NE(err_.str().find("the running pgsteer goes on"), std::string::npos);
  EXPECT_EQ(err_.str().find('\x1b'), std::string::npos);
  control_.on_thread([](auto& server) { server->stop(); });
  EXPECT_EQ(run_upgrade(path(), "", out_, err_), 3);
}

// Whoever asks in another way than the command, and makes a mistake.
TEST_F(ControlServer, SaysWhatIsWrongWithABody) {
  const auto post = [this](const std::string& target, const std::string& body) {
    const auto answers = ask(unix_path{path()}, {{target, question::kind::order, body}}, test::patience);
    return answers ? std::pair(answers->front().status, answers->front().body)
                   : std::pair(http::status{}, answers.error().message());
  };
  using answer = std::pair<http::status, std::string>;
  EXPECT_EQ(post("/v1/upgrade", R"({"binry": "/bin/false"})"),
            answer(http::status::bad_request, "binry: not known here"));
  EXPECT_EQ(post("/v1/upgrade", R"({"binary": 7})"),
            answer(http::status::bad_request, "binary: expected a string"));
  EXPECT_EQ(binary_, "none") << "nothing was started";
  EXPECT_EQ(post("/v1/backend", R"({"backend": "b", "order": "stop"})"),
            answer(http::status::bad_request, "order: expected disable, drain or resume"));
  EXPECT_EQ(order_.backend, "");
  EXPECT_EQ(post("/v1/backend", std::string(20'000, ' ')).first, http::status::payload_too_large);
  EXPECT_EQ(post("/v1/backend", R"({"backend": "b", "order": "drain", "seconds": 5})").first,
            http::status::conflict);
  EXPECT_EQ(order_.time, seconds{5});
  EXPECT_EQ(post("/v1/drain", "").first, http::status::ok);
}

TEST_F(ControlServer, GivesAwayAConnectionThatAsksForAHandOver) {
  const hand_over_answer answer = ask_for_hand_over(path());
  ASSERT_TRUE(answer.connected.is_open()) << answer.why_not;
  const net::unique_fd here = handed_.get_future().get();
  ASSERT_EQ(::send(here.value(), "x", 1, 0), 1) << "it is open, and nothing was said on it but the answer";
  char byte = 0;
  EXPECT_EQ(::recv(answer.connected.value(), &byte, 1, 0), 1);
  EXPECT_EQ(byte, 'x');
}

TEST_F(ControlServer, TellsWhyItHandsNothingOver) {
  why_no_hand_over_ = "pgsteer is stopping";
  const hand_over_answer answer = ask_for_hand_over(path());
  EXPECT_FALSE(answer.connected.is_open());
  EXPECT_FALSE(answer.is_nobody_there);
  EXPECT_EQ(answer.why_not, "pgsteer is stopping");
  EXPECT_EQ(status_of({"/v1/hand-over", question::kind::order}), http::status::conflict)
      << "it asks for no other protocol";
  control_.on_thread([](auto& server) { server->stop(); });
  EXPECT_TRUE(ask_for_hand_over(path()).is_nobody_there);
}

// A user's name in another encoding, or a binary file.
TEST_F(ControlServer, TellsWhatIsNoUtf8) {
  report_.changes = {{"probe.user", "a", "andr\xe9"}};
  EXPECT_EQ(reload_command(), 0) << err_.str();
  EXPECT_NE(out_.str().find("probe.user: a -> andr"), std::string::npos);
  report_ = {outcome::invalid, {"\xff\xfe\x00"}, {}, {}};
  EXPECT_EQ(reload_command(), 2) << err_.str();
}

TEST_F(ControlServer, TellsWhoIsOneTooMany) {
  boost::asio::io_context context;
  std::vector<boost::asio::local::stream_protocol::socket> silent;
  for (int i = 0; i < 16; ++i) {
    silent.emplace_back(context);
    silent.back().connect(boost::asio::local::stream_protocol::endpoint(path()));
  }
  EXPECT_EQ(reload_command(), 3);
  EXPECT_NE(err_.str().find("too many connections"), std::string::npos) << err_.str();
}

TEST_F(ControlServer, KnowsWhetherItsSocketIsInPlace) {
  control_.on_thread([](auto& server) { EXPECT_TRUE(server->is_in_place()); });
  std::filesystem::remove(path());
  control_.on_thread([](auto& server) { EXPECT_FALSE(server->is_in_place()); });
}

TEST_F(ControlServer, TheCommandSaysThatNobodyIsThere) {
  control_.on_thread([](auto& server) { server->stop(); });
  EXPECT_FALSE(std::filesystem::exists(path()));
  EXPECT_EQ(reload_command(), 3);
  EXPECT_NE(err_.str().find("is control.socket set in its configuration?"), std::string::npos) << err_.str();
}

// A reload may take the socket away over which it was asked for.
TEST_F(ControlServer, AnswersWhoHasAskedBeforeItRetires) {
  report_.changes = {{"control.socket", path(), ""}};
  std::promise<int> ended;
  std::thread client([&] { ended.set_value(reload_command()); });
  ASSERT_TRUE(test::eventually(test::patience, [&] {
    bool is_asked = false;
    control_.on_thread([&](auto& server) {
      is_asked = reloads_ == 1;
      if (!is_asked) return;
      server->retire();
      server.reset();
    });
    return is_asked;
  }));
  EXPECT_EQ(ended.get_future().get(), 0);
  client.join();
}

TEST(ReloadReport, IsReadBackAsItWasWritten) {
  const reload_report report{outcome::impossible, {"one", "two \"quoted\""}, {{"a", "b", "c"}}, {"workers"}};
  const auto read = read_reload_report(to_json(report));
  ASSERT_TRUE(read);
  EXPECT_EQ(to_json(*read), to_json(report));
  for (const char* const other : {"", "{}", "[]", R"({"outcome":"maybe"})", R"({"outcome":"applied"})",
                                  R"({"outcome":"applied","problems":[1],"changes":[],"restart_keys":[]})"})
    EXPECT_FALSE(read_reload_report(other)) << other;
}

}  // namespace
}  // namespace pgsteer::admin
