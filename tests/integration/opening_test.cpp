// The opening of a session under adverse timing: every wait has its end, and a role that is lost between two
// packets of one login is noticed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "support/fake_client.hpp"
#include "support/test_proxy.hpp"

namespace pgsteer::test {
namespace {

// A scanner asks for TLS, hears no, and says nothing more. A thousand of them would use up the pending
// logins.
TEST(Opening, EndsAClientThatIsSilentAfterNo) {
  fake_cluster cluster(0);
  test_proxy proxy(cluster.endpoints(), [](config::config& options) {
    options.runtime.login.startup_timeout = milliseconds{300};
  });
  ASSERT_TRUE(proxy.wait_for_backends(1, 0));
  double ended = 0;
  // On a slow machine the time may be over before the request has come.
  ASSERT_TRUE(eventually(patience, [&] {
    fake_client client(proxy.rw());
    client.send(wire::ssl_request());
    const bool has_heard_no = client.read_exactly(1).bytes == "N";
    EXPECT_NE(client.read_until_end().end, stream_end::timed_out);
    EXPECT_TRUE(proxy.wait_for_closed("rw", "startup_timeout", ++ended));
    return has_heard_no;
  }));
  EXPECT_TRUE(eventually(patience, [&] { return cluster.open_sessions() == 0; }));
}

// Patroni takes 40 s to fail over and hold_timeout was raised for it: the wait must not eat up the time that
// the login itself has.
TEST(Opening, CountsTheLoginFromTheEndOfTheHold) {
  fake_cluster cluster(1);
  cluster.primary().demote(1);
  // More than ten times what a login on a busy machine needs.
  constexpr seconds login_timeout{2};
  test_proxy proxy(cluster.endpoints(),
                   [&](config::config& options) { options.runtime.login.login_timeout = login_timeout; });
  ASSERT_TRUE(proxy.wait_for_backends(0, 2));
  auto answer = std::async(std::launch::async, [&] { return who_answers(proxy.rw()); });
  ASSERT_TRUE(proxy.wait_for_metric("pgsteer_logins_held", {}, 1));
  ASSERT_EQ(answer.wait_for(login_timeout + milliseconds{200}), std::future_status::timeout);
  cluster.standby(1).promote(2);
  EXPECT_EQ(answer.get(), "standby-1");
  EXPECT_EQ(proxy.closed("rw", "login_timeout"), 0);
}

// The failover happens while a client thinks about what the backend said of encryption. The connection that
// was made for it leads to the old primary, which is still alive.
TEST(Opening, LeavesABackendThatLostItsRoleBetweenTwoPackets) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  fake_client client(proxy.rw());
  client.send(wire::ssl_request());
  ASSERT_EQ(client.read_exactly(1).bytes, "N");
  ASSERT_EQ(cluster.primary().counters().session_connections, 1U);
  cluster.standby(1).promote(2);
  ASSERT_TRUE(proxy.wait_for_primary(cluster.standby(1).address()));
  ASSERT_TRUE(client.startup().is_logged_in);
  EXPECT_EQ(client.query("whoami").value(), "standby-1");
  EXPECT_TRUE(eventually(patience, [&] { return cluster.primary().counters().session_connections == 1; }));
}

// PostgreSQL takes a cancel when it takes no session any more; an operator ends a runaway query this way.
TEST(Opening, ServesACancelWhenThereIsNoPlaceForASession) {
  fake_cluster cluster(0);
  test_proxy proxy(cluster.endpoints(),
                   [](config::config& options) { options.runtime.limits.sessions_max = 1; });
  ASSERT_TRUE(proxy.wait_for_backends(1, 0));
  fake_client client(proxy.rw());
  const login_outcome login = client.startup();
  ASSERT_TRUE(login.is_logged_in);
  auto answer = std::async(std::launch::async, [&] { return client.query("hang"); });
  EXPECT_EQ(answer.wait_for(milliseconds{50}), std::future_status::timeout);
  EXPECT_NE(send_cancel(proxy.rw(), login.pid, login.key), stream_end::timed_out);
  EXPECT_EQ(answer.get().sqlstate, "57014");
  EXPECT_EQ(cluster.primary().counters().cancels_matched, 1U);
}

}  // namespace
}  // namespace pgsteer::test
