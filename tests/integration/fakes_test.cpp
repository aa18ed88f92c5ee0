// The fakes without a proxy between them: what the other tests take for granted.
#include <gtest/gtest.h>

#include "support/byte_pattern.hpp"
#include "support/fake_client.hpp"
#include "support/fake_postgres.hpp"

namespace pgsteer::test {
namespace {

TEST(FakePostgres, LogsInAndAnswers) {
  fake_postgres backend("alone", standby_role());
  fake_client client(backend.address());
  const auto login = client.startup();
  EXPECT_TRUE(login.is_logged_in);
  EXPECT_EQ(login.parameters.at("in_hot_standby"), "on");
  EXPECT_EQ(login.key.size(), 4U);
  EXPECT_EQ(client.query("whoami").value(), "alone");
  EXPECT_EQ(client.query("begin").status, 'T');
  EXPECT_EQ(client.query("nonsense").sqlstate, "42601");
  EXPECT_EQ(client.query("fatal").sqlstate, "57P01");
  EXPECT_EQ(client.read_until_end().end, stream_end::closed);
  EXPECT_EQ(backend.counters().session_logins, 1U);
  EXPECT_TRUE(eventually(patience, [&] { return backend.counters().open_sessions == 0; }));
}

TEST(FakePostgres, CancelsOnlyByTheRightKey) {
  fake_postgres backend("alone", primary_role());
  fake_client client(backend.address());
  const auto login = client.startup();
  client.send(wire::query("hang"));
  EXPECT_EQ(send_cancel(backend.address(), login.pid, "nope"), stream_end::closed);
  EXPECT_EQ(client.read_query_result(std::chrono::milliseconds{30}).end, stream_end::timed_out);
  EXPECT_EQ(send_cancel(backend.address(), login.pid, login.key), stream_end::closed);
  EXPECT_EQ(client.read_query_result().sqlstate, "57014");
  EXPECT_EQ(backend.counters().cancels_matched, 1U);
  EXPECT_EQ(backend.counters().cancels_unmatched, 1U);
}

TEST(FakePostgres, MovesBytesBothWaysAtOnce) {
  constexpr std::size_t n = 300'000;
  fake_postgres backend("alone", primary_role());
  fake_client client(backend.address());
  ASSERT_TRUE(client.startup().is_logged_in);
  const std::string upload = byte_pattern(7).take(n);
  client.send(wire::query("duplex 9 " + std::to_string(n)) + upload);
  EXPECT_EQ(client.read_exactly(n).bytes, byte_pattern(9).take(n));
  EXPECT_EQ(client.read_query_result().value(), std::to_string(checksum_of(upload)));
  EXPECT_EQ(client.query("bulk 100000").rows.size(), 13U);
}

TEST(FakePostgres, FreezesAndThaws) {
  fake_postgres backend("alone", primary_role());
  backend.freeze();
  fake_client client(backend.address());
  ASSERT_TRUE(client.is_open());
  client.send(app_startup_message());
  EXPECT_EQ(client.read_login(std::chrono::milliseconds{30}).end, stream_end::timed_out);
  backend.thaw();
  EXPECT_TRUE(client.read_login().is_logged_in);
}

TEST(FakePostgres, RefusesDialsUntilItListensAgain) {
  fake_postgres backend("alone", primary_role());
  fake_client before(backend.address());
  ASSERT_TRUE(before.startup().is_logged_in);
  backend.stop_listening();
  EXPECT_FALSE(fake_client(backend.address()).is_open());
  EXPECT_EQ(before.query("whoami").value(), "alone");
  backend.kill_all_connections(true);
  EXPECT_EQ(before.read_until_end().end, stream_end::reset);
  backend.listen_again();
  EXPECT_TRUE(fake_client(backend.address()).startup().is_logged_in);
}

TEST(FakePostgres, FailsAsManyLoginsAsAsked) {
  fake_postgres backend("alone", primary_role());
  backend.fail_logins(1, "53300");
  EXPECT_EQ(fake_client(backend.address()).startup().sqlstate, "53300");
  EXPECT_TRUE(fake_client(backend.address()).startup().is_logged_in);
  backend.set_session_logins({login_behaviour::reset, "", ""});
  EXPECT_EQ(fake_client(backend.address()).startup().end, stream_end::reset);
  EXPECT_EQ(backend.counters().session_startups, 3U);
  EXPECT_EQ(backend.counters().session_logins, 1U);
}

}  // namespace
}  // namespace pgsteer::test
