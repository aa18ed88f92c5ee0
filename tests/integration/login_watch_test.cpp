// What pgsteer reads of a login that passes through it, up to the first ReadyForQuery.
#include <gtest/gtest.h>

#include "support/fake_client.hpp"
#include "support/test_proxy.hpp"

namespace pgsteer::test {
namespace {

const test_proxy::labels rw_label{{"listener", "rw"}};

// A demotion in the instant between the last probe and this login: the backend itself says in_hot_standby=on.
// The client must never believe that it can write here.
TEST(LoginWatch, RefusesAnRwLoginAtAStandby) {
  for (const bool is_byte_by_byte : {false, true}) {
    SCOPED_TRACE(is_byte_by_byte);
    fake_cluster cluster(0);
    test_proxy proxy(cluster.endpoints());
    ASSERT_TRUE(proxy.wait_for_backends(1, 0));
    cluster.primary().change([is_byte_by_byte](fake_settings& settings) {
      settings.says_in_hot_standby = true;
      settings.writes_byte_by_byte = is_byte_by_byte;
    });
    const auto login = fake_client(proxy.rw()).startup();
    EXPECT_FALSE(login.has_seen_ready);
    // Byte by byte the refusal falls into the middle of a message, where only a reset can be understood.
    EXPECT_EQ(login.severity, is_byte_by_byte ? "" : "FATAL");
    EXPECT_EQ(login.sqlstate, is_byte_by_byte ? "" : "57P03");
    EXPECT_EQ(login.end, is_byte_by_byte ? stream_end::reset : stream_end::closed);
    EXPECT_EQ(proxy.metric("pgsteer_stale_primary_refusals_total", rw_label), 1);
    EXPECT_TRUE(proxy.wait_for_closed("rw", "stale_primary", 1));
    EXPECT_TRUE(eventually(patience, [&] { return cluster.open_sessions() == 0; }));
  }
}

// The same word is what a reader expects.
TEST(LoginWatch, LetsAnRoLoginAtAStandbyPass) {
  fake_cluster cluster(1);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  fake_client client(proxy.ro());
  const auto login = client.startup();
  EXPECT_TRUE(login.is_logged_in);
  EXPECT_EQ(login.parameters.at("in_hot_standby"), "on");
}

// Every message of the login arrives in as many segments as it has bytes.
TEST(LoginWatch, ReadsALoginThatComesByteByByte) {
  fake_cluster cluster(0);
  cluster.primary().change([](fake_settings& settings) { settings.writes_byte_by_byte = true; });
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 0));
  fake_client client(proxy.rw());
  const auto login = client.startup();
  EXPECT_TRUE(login.is_logged_in);
  EXPECT_EQ(login.parameters.at("in_hot_standby"), "off");
  EXPECT_EQ(client.query("whoami").value(), "primary");
}

// A client on a bad line: its StartupMessage comes byte by byte too.
TEST(LoginWatch, ReadsAStartupMessageThatComesByteByByte) {
  fake_cluster cluster(0);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 0));
  fake_client client(proxy.rw());
  client.send_in_chunks(app_startup_message(), 1, milliseconds{1});
  EXPECT_TRUE(client.read_login().is_logged_in);
  EXPECT_EQ(cluster.primary().counters().last_startup_packet, app_startup_message());
  EXPECT_EQ(cluster.primary().counters().session_connections, 1U);
}

}  // namespace
}  // namespace pgsteer::test
