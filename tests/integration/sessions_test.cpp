// An operator looks at live sessions, and ends one: what he is shown, and what its client and its backend
// see.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <boost/json/parse.hpp>
#include <cstdlib>
#include <set>
#include <sstream>
#include <thread>

#include "pgsteer/admin/session_command.hpp"
#include "support/eventually.hpp"
#include "support/fake_client.hpp"
#include "support/temporary_folder.hpp"
#include "support/test_proxy.hpp"

namespace pgsteer::test {
namespace {

using ::testing::HasSubstr;

class Sessions : public ::testing::Test {
 protected:
  [[nodiscard]] std::string control() const { return folder_.path() + "/control.sock"; }
  test_proxy::adjustment with_control(unsigned workers = 2) {
    return [this, workers](config::config& options) {
      options.control.socket = control();
      options.workers = workers;
    };
  }
  // All of them, oldest first.
  [[nodiscard]] boost::json::array list() const {
    std::ostringstream out;
    std::ostringstream err;
    EXPECT_EQ(admin::run_sessions(control(), {.backend = {}, .user = {}, .as_json = true}, out, err), 0)
        << err.str();
    return boost::json::parse(out.str()).at("sessions").as_array();
  }
  // The one of this user; null: there is none.
  [[nodiscard]] boost::json::value find(const std::string& user) const {
    for (const boost::json::value& each : list())
      if (each.at("user") == boost::json::value(user)) return each;
    return nullptr;
  }
  [[nodiscard]] std::string state_of(const std::string& user) const {
    const boost::json::value found = find(user);
    return found.is_null() ? "none" : std::string(found.at("state").as_string());
  }
  [[nodiscard]] std::string id_of(const std::string& user) const {
    const boost::json::value found = find(user);
    return found.is_null() ? "none" : std::string(found.at("id").as_string());
  }
  bool wait_for_state(const std::string& user, const std::string& state) const {
    return eventually(patience, [&] { return state_of(user) == state; });
  }
  // The exit code; what it prints is in told_.
  int kill(const std::string& id) {
    std::ostringstream out;
    const int code = admin::run_session_kill(control(), id, out, out);
    told_ = out.str();
    return code;
  }

  const temporary_folder folder_;
  std::string told_;
  fake_cluster cluster_{1};
};

void expect_killed(fake_client& client) {
  const auto last = client.read_message();
  ASSERT_TRUE(last);
  EXPECT_EQ(last->type, 'E');
  const wire::error_fields why = wire::parse_error(last->body);
  EXPECT_EQ(why.severity, "FATAL");
  EXPECT_EQ(why.sqlstate, "57P01");
  EXPECT_EQ(why.message, "terminating connection due to administrator command");
  EXPECT_EQ(client.read_until_end().end, stream_end::closed);
}

TEST_F(Sessions, AreShownAsTheyAre) {
  test_proxy proxy(cluster_.endpoints(), with_control());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  EXPECT_TRUE(list().empty());
  fake_client idle(proxy.rw());
  const login_outcome login = idle.startup("idler", "orders");
  fake_client writer(proxy.rw());
  fake_client busy(proxy.ro());
  ASSERT_TRUE(writer.startup("writer").is_logged_in && busy.startup("reader").is_logged_in);
  ASSERT_EQ(writer.query("begin").status, 'T');
  busy.send(wire::query("hang"));
  EXPECT_TRUE(wait_for_state("reader", "busy"));
  EXPECT_EQ(state_of("writer"), "in transaction");
  const boost::json::value shown = find("idler");
  EXPECT_EQ(shown.at("state"), "idle");
  EXPECT_EQ(shown.at("listener"), "rw");
  EXPECT_EQ(shown.at("database"), "orders");
  EXPECT_EQ(shown.at("backend_pid").to_number<std::uint32_t>(), login.pid);
  EXPECT_EQ(shown.at("backend_address").as_string(), to_string(cluster_.primary().address()));
  EXPECT_EQ(shown.at("backend").as_string(), to_string(cluster_.primary().address()))
      << "a list names them so";
  EXPECT_GT(shown.at("bytes_to_client").to_number<std::uint64_t>(), 0U);
  EXPECT_EQ(find("reader").at("listener"), "ro");
  EXPECT_EQ(find("reader").at("backend_address").as_string(), to_string(cluster_.standby(1).address()));
  std::set<std::string> ids;
  for (const boost::json::value& each : list()) ids.emplace(each.at("id").as_string());
  EXPECT_THAT(ids, ::testing::ElementsAre("1", "2", "3"));
}

TEST_F(Sessions, AreShownWhileTheyLogIn) {
  test_proxy proxy(cluster_.endpoints(), with_control());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  fake_client silent(proxy.rw());
  ASSERT_TRUE(eventually(patience, [&] { return list().size() == 1; }));
  const boost::json::value nobody = list().front();
  EXPECT_EQ(nobody.at("state"), "logging in");
  for (const char* unknown :
       {"user", "database", "application_name", "backend", "backend_address", "backend_pid"})
    EXPECT_TRUE(nobody.at(unknown).is_null()) << unknown;
  cluster_.primary().change([](fake_settings& settings) { settings.stops_before_session_login = true; });
  fake_client dialing(proxy.rw());
  dialing.send(app_startup_message("early"));
  ASSERT_TRUE(eventually(patience, [&] {
    const boost::json::value found = find("early");
    return !found.is_null() && !found.at("local_address").is_null();
  }));
  EXPECT_EQ(state_of("early"), "logging in");
  EXPECT_EQ(find("early").at("backend_address").as_string(), to_string(cluster_.primary().address()));
  EXPECT_EQ(kill(id_of("early")), 0) << told_;
  expect_killed(dialing);
  EXPECT_EQ(kill(std::string(nobody.at("id").as_string())), 0) << told_;
  EXPECT_TRUE(proxy.wait_for_closed("rw", "killed", 2));
  cluster_.primary().change([](fake_settings& settings) { settings.stops_before_session_login = false; });
}

// Between two bytes of a message nothing can be told.
TEST_F(Sessions, OneWhoseLoginIsUnderWayEnds) {
  cluster_.primary().change([](fake_settings& settings) { settings.stops_in_hot_standby = true; });
  test_proxy proxy(cluster_.endpoints(), with_control());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  fake_client client(proxy.rw());
  client.send(app_startup_message("halfway"));
  ASSERT_TRUE(eventually(patience, [&] {
    const boost::json::value found = find("halfway");
    return !found.is_null() && found.at("bytes_to_client").to_number<std::uint64_t>() > 0;
  }));
  EXPECT_EQ(state_of("halfway"), "logging in");
  EXPECT_EQ(kill(id_of("halfway")), 0) << told_;
  EXPECT_EQ(client.read_until_end().end, stream_end::reset);
  EXPECT_TRUE(proxy.wait_for_closed("rw", "killed", 1));
  cluster_.primary().change([](fake_settings& settings) { settings.stops_in_hot_standby = false; });
  EXPECT_TRUE(eventually(patience, [&] { return cluster_.primary().counters().open_sessions == 0; }));
}

TEST_F(Sessions, AnEncryptedOneTellsNothing) {
  cluster_.primary().change([](fake_settings& settings) { settings.tls = encryption_answer::yes; });
  test_proxy proxy(cluster_.endpoints(), with_control());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  fake_client client(proxy.rw());
  client.send(wire::ssl_request());
  ASSERT_EQ(client.read_exactly(1).bytes, "S");
  client.send("opaque");
  ASSERT_EQ(client.read_exactly(6).bytes, "opaque");
  const boost::json::array shown = list();
  ASSERT_EQ(shown.size(), 1U);
  EXPECT_EQ(shown[0].at("state"), "encrypted");
  for (const char* unknown : {"user", "database", "application_name", "backend_pid"})
    EXPECT_TRUE(shown[0].at(unknown).is_null()) << unknown;
  EXPECT_FALSE(shown[0].at("local_address").is_null());
  EXPECT_EQ(kill("1"), 0);
  EXPECT_THAT(told_, ::testing::StartsWith("session 1 from 127.0.0.1:"));
  EXPECT_EQ(client.read_until_end().bytes, "") << "no word of pgsteer's stands in it";
  EXPECT_TRUE(proxy.wait_for_closed("rw", "killed", 1));
  EXPECT_TRUE(eventually(patience, [&] { return cluster_.primary().counters().open_sessions == 0; }));
}

TEST_F(Sessions, AnIdleOneIsTold) {
  test_proxy proxy(cluster_.endpoints(), with_control());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  fake_client ended(proxy.rw());
  fake_client other(proxy.rw());
  ASSERT_TRUE(ended.startup("ended").is_logged_in && other.startup("other").is_logged_in);
  const std::string id = id_of("ended");
  EXPECT_EQ(kill(id), 0);
  EXPECT_THAT(told_, ::testing::MatchesRegex("session " + id +
                                             " of ended@appdb from 127\\.0\\.0\\.1:[0-9]+ is ended\n"));
  expect_killed(ended);
  EXPECT_EQ(state_of("ended"), "none");
  EXPECT_TRUE(proxy.wait_for_closed("rw", "killed", 1));
  EXPECT_EQ(cluster_.primary().counters().cancels_matched, 0U) << "there is nothing to cancel";
  EXPECT_EQ(other.query("whoami").value(), "primary");
  EXPECT_EQ(kill(id), 1) << "it has just ended";
  EXPECT_EQ(told_, "pgsteer session kill: there is no session " + id + "\n");
  EXPECT_TRUE(proxy.accounts_balance());
}

TEST_F(Sessions, OneInATransactionEnds) {
  test_proxy proxy(cluster_.endpoints(), with_control());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  fake_client client(proxy.rw());
  ASSERT_TRUE(client.startup("writer").is_logged_in);
  ASSERT_EQ(client.query("begin").status, 'T');
  EXPECT_EQ(kill(id_of("writer")), 0) << told_;
  EXPECT_EQ(client.read_until_end().end, stream_end::reset) << "as from a server that has no word left";
  EXPECT_TRUE(eventually(patience, [&] { return cluster_.primary().counters().open_sessions == 0; }));
  EXPECT_TRUE(proxy.wait_for_closed("rw", "killed", 1));
}

// What its backend does for it ends too, and nobody else's.
TEST_F(Sessions, ABusyOnesQueryIsCancelled) {
  test_proxy proxy(cluster_.endpoints(), with_control());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  fake_client ended(proxy.rw());
  fake_client other(proxy.rw());
  ASSERT_TRUE(ended.startup("ended").is_logged_in && other.startup("other").is_logged_in);
  for (fake_client* each : {&ended, &other}) each->send(wire::query("hang"));
  ASSERT_TRUE(eventually(patience, [&] { return cluster_.primary().counters().hanging_queries == 2; }));
  EXPECT_EQ(kill(id_of("ended")), 0) << told_;
  EXPECT_EQ(ended.read_until_end().end, stream_end::reset);
  EXPECT_TRUE(eventually(patience, [&] { return cluster_.primary().counters().cancels_matched == 1; }));
  EXPECT_TRUE(eventually(patience, [&] { return cluster_.primary().counters().hanging_queries == 1; }));
  EXPECT_TRUE(proxy.wait_for_closed("rw", "killed", 1));
  EXPECT_EQ(state_of("other"), "busy");
  EXPECT_EQ(proxy.metric("pgsteer_cancels_total"), 0) << "no client has sent one";
}

// The backend's postmaster takes nobody any more: the client is rid of it all the same.
TEST_F(Sessions, ACancelThatGetsNowhereIsDropped) {
  test_proxy proxy(cluster_.endpoints(), [this](config::config& options) {
    with_control()(options);
    options.runtime.login.cancel_timeout = milliseconds{50};
  });
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  fake_client client(proxy.rw());
  ASSERT_TRUE(client.startup("ended").is_logged_in);
  client.send(wire::query("hang"));
  ASSERT_TRUE(eventually(patience, [&] { return cluster_.primary().counters().hanging_queries == 1; }));
  cluster_.primary().freeze();
  EXPECT_EQ(kill(id_of("ended")), 0) << told_;
  EXPECT_EQ(client.read_until_end().end, stream_end::reset);
  EXPECT_TRUE(proxy.wait_for_metric("pgsteer_cancels_total", {{"result", "dropped"}}, 1));
  cluster_.primary().thaw();
}

TEST_F(Sessions, AHeldOneIsTold) {
  fake_postgres backend("late", standby_role());
  test_proxy proxy({backend.address()}, with_control());
  ASSERT_TRUE(proxy.wait_for_backends(0, 1));
  fake_client ended(proxy.rw());
  fake_client other(proxy.rw());
  ended.send(app_startup_message("ended"));
  other.send(app_startup_message("other"));
  ASSERT_TRUE(proxy.wait_for_metric("pgsteer_logins_held", rw_label, 2));
  EXPECT_EQ(state_of("ended"), "held");
  EXPECT_TRUE(find("ended").at("backend").is_null());
  EXPECT_EQ(kill(id_of("ended")), 0) << told_;
  expect_killed(ended);
  EXPECT_TRUE(proxy.wait_for_metric("pgsteer_logins_held", rw_label, 1));
  backend.promote(2);
  EXPECT_TRUE(other.read_login().is_logged_in);
  EXPECT_TRUE(proxy.wait_for_closed("rw", "killed", 1));
}

TEST_F(Sessions, ACancelRequestIsShownAsOne) {
  test_proxy proxy(cluster_.endpoints(), with_control());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  cluster_.primary().freeze();
  fake_client canceller(proxy.rw());
  canceller.send(wire::cancel_request(1, "1234"));
  EXPECT_TRUE(eventually(patience, [&] {
    const boost::json::array shown = list();
    return shown.size() == 1 && shown[0].at("state") == "cancel request";
  }));
  cluster_.primary().thaw();
  EXPECT_EQ(canceller.read_until_end().end, stream_end::closed);
}

// More than one slice of each worker, while others come and go.
TEST_F(Sessions, ThatStayAreAllShownAmongThoseThatComeAndGo) {
  constexpr std::size_t n = 300;
  test_proxy proxy(cluster_.endpoints(), with_control());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  std::vector<fake_client> staying;
  for (std::size_t i = 0; i < n; ++i) {
    staying.emplace_back(proxy.rw());
    ASSERT_TRUE(staying.back().startup("staying").is_logged_in);
  }
  std::atomic<bool> is_over{false};
  std::atomic<int> passed{0};
  std::thread passing([&] {
    while (!is_over) {
      fake_client one(proxy.rw());
      fake_client two(proxy.rw());
      if (one.startup("passing").is_logged_in && two.startup("passing").is_logged_in) ++passed;
    }
  });
  ASSERT_TRUE(eventually(patience, [&] { return passed > 0; }));
  for (const int before = passed; passed < before + 50;) {
    std::multiset<std::string> ids;
    for (const boost::json::value& each : list())
      if (each.at("user") == "staying") ids.emplace(each.at("id").as_string());
    EXPECT_EQ(ids.size(), n);
    EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), n) << "each once";
  }
  is_over = true;
  passing.join();
  const std::string last = id_of("staying");
  EXPECT_EQ(kill(last), 0) << told_;
}

TEST_F(Sessions, KeepTheirIdsInTheNextProcess) {
  test_proxy before(cluster_.endpoints(), with_control());
  ASSERT_TRUE(before.wait_for_backends(1, 1));
  fake_client gone(before.rw());
  ASSERT_TRUE(gone.startup("gone").is_logged_in);
  fake_client client(before.rw());
  ASSERT_TRUE(client.startup("stays").is_logged_in);
  gone.close();
  ASSERT_TRUE(eventually(patience, [&] { return list().size() == 1; }));
  const boost::json::value shown = find("stays");
  test_proxy after(before, with_control(1));
  ASSERT_EQ(before.wait_for_exit(), 0);
  for (const char* same : {"id", "listener", "database", "application_name", "client", "backend_address",
                           "local_address", "backend_pid", "state", "bytes_to_backend", "bytes_to_client"})
    EXPECT_EQ(find("stays").at(same), shown.at(same)) << same;
  fake_client late(after.rw());
  ASSERT_TRUE(late.startup("late").is_logged_in);
  EXPECT_EQ(id_of("stays"), "2");
  EXPECT_EQ(id_of("late"), "3") << "behind all that the process before has given out";
  client.send(wire::query("hang"));
  ASSERT_TRUE(wait_for_state("stays", "busy"));
  EXPECT_EQ(kill("2"), 0) << told_;
  EXPECT_EQ(client.read_until_end().end, stream_end::reset);
  EXPECT_TRUE(eventually(patience, [&] { return cluster_.primary().counters().cancels_matched == 1; }));
  EXPECT_EQ(late.query("whoami").value(), "primary");
}

// The process before still has a login that is held, and the one that is asked knows that.
TEST_F(Sessions, OneThatIsOnItsWayFromTheProcessBeforeIsNotDenied) {
  fake_postgres backend("late", standby_role());
  test_proxy before({backend.address()}, with_control());
  ASSERT_TRUE(before.wait_for_backends(0, 1));
  fake_client reader(before.ro());
  ASSERT_TRUE(reader.startup("reader").is_logged_in);
  fake_client client(before.rw());
  client.send(app_startup_message("waiting"));
  ASSERT_TRUE(before.wait_for_metric("pgsteer_logins_held", rw_label, 1));
  const std::string id = id_of("waiting");
  test_proxy after(before, {});
  EXPECT_TRUE(eventually(patience, [&] {
    std::ostringstream out;
    std::ostringstream err;
    const int code = admin::run_sessions(control(), {.backend = {}, .user = "reader"}, out, err);
    return code == 1 && out.str().find("reader") != std::string::npos &&
           err.str() == "pgsteer sessions: not complete: process " + std::to_string(::getpid()) +
                            ", from which this one takes over, still has some\n";
  }));
  EXPECT_EQ(kill(id), 1);
  EXPECT_THAT(told_, HasSubstr("there is no session " + id + "; process "));
  EXPECT_FALSE(before.has_ended());
  backend.promote(2);
  ASSERT_TRUE(client.read_login().is_logged_in);
  EXPECT_TRUE(eventually(patience, [&] { return kill(id) == 0; })) << told_;
  expect_killed(client);
  EXPECT_EQ(before.wait_for_exit(), 0);
  EXPECT_TRUE(after.wait_for_closed("rw", "killed", 1));
}

// The drain waits for the end of its transaction; the operator does not.
TEST_F(Sessions, OneThatDrainsIsKilledAtOnce) {
  test_proxy proxy(cluster_.endpoints(), with_control());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  fake_client client(proxy.rw());
  ASSERT_TRUE(client.startup("busy").is_logged_in);
  client.send(wire::query("hang"));
  ASSERT_TRUE(wait_for_state("busy", "busy"));
  proxy.request_stop();
  ASSERT_TRUE(eventually(patience, [&] { return proxy.admin_get("/readyz").status == 503; }));
  EXPECT_EQ(kill(id_of("busy")), 0) << told_;
  EXPECT_EQ(client.read_until_end().end, stream_end::reset);
  EXPECT_EQ(proxy.wait_for_exit(), 0) << "it was the last one";
}

}  // namespace
}  // namespace pgsteer::test
