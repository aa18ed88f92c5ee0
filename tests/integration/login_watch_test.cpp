// What pgsteer reads of a login that passes through it, up to the first ReadyForQuery.
#include <gtest/gtest.h>

#include "support/fake_client.hpp"
#include "support/test_proxy.hpp"

namespace pgsteer::test {
namespace {

void expect_counted_as_stale(const test_proxy& proxy, fake_cluster& cluster) {
  EXPECT_EQ(proxy.metric("pgsteer_stale_primary_refusals_total", rw_label), 1);
  EXPECT_TRUE(proxy.wait_for_closed("rw", "stale_primary", 1));
  EXPECT_TRUE(eventually(patience, [&] { return cluster.open_sessions() == 0; }));
}

// A demotion in the instant between the last probe and this login: the backend itself says in_hot_standby=on.
// The client must never believe that it can write here.
TEST(LoginWatch, RefusesAnRwLoginAtAStandby) {
  fake_cluster cluster(0);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 0));
  cluster.primary().change([](fake_settings& settings) { settings.says_in_hot_standby = true; });
  const auto login = fake_client(proxy.rw()).startup();
  EXPECT_FALSE(login.has_seen_ready);
  EXPECT_EQ(login.severity, "FATAL");
  EXPECT_EQ(login.sqlstate, "57P03");
  EXPECT_EQ(login.end, stream_end::closed);
  expect_counted_as_stale(proxy, cluster);
}

// The client has the first half of that message already: there only a reset can be understood.
TEST(LoginWatch, RefusesAnRwLoginAtAStandbyInTheMidstOfAMessage) {
  fake_cluster cluster(0);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 0));
  cluster.primary().change(
      [](fake_settings& settings) { settings.says_in_hot_standby = settings.stops_in_hot_standby = true; });
  fake_client client(proxy.rw());
  client.send(app_startup_message());
  std::size_t messages = 0;
  while (messages < 5 && client.read_message()) ++messages;  // AuthenticationOk and four ParameterStatus
  ASSERT_EQ(messages, 5U);
  const std::string head = client.read_exactly(10).bytes;
  ASSERT_EQ(head.substr(0, 1) + head.substr(5), "Sin_ho");
  cluster.primary().change([](fake_settings& settings) { settings.stops_in_hot_standby = false; });
  EXPECT_EQ(client.read_until_end().end, stream_end::reset);
  expect_counted_as_stale(proxy, cluster);
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
