// Ctrl-C in psql: a CancelRequest comes on a connection of its own and must hit its session and no other.
#include <gtest/gtest.h>

#include "support/fake_client.hpp"
#include "support/test_proxy.hpp"

namespace pgsteer::test {
namespace {

struct hanging_session {
  fake_client client;
  login_outcome login;
};

std::uint64_t hanging(fake_cluster& cluster) {
  return cluster.primary().counters().hanging_queries + cluster.standby(1).counters().hanging_queries +
         cluster.standby(2).counters().hanging_queries;
}

std::uint64_t matched(fake_cluster& cluster) {
  return cluster.primary().counters().cancels_matched + cluster.standby(1).counters().cancels_matched +
         cluster.standby(2).counters().cancels_matched;
}

hanging_session hang(fake_cluster& cluster, const endpoint& target) {
  const auto before = hanging(cluster);
  hanging_session session{fake_client(target), {}};
  session.login = session.client.startup();
  EXPECT_TRUE(session.login.is_logged_in);
  session.client.send(wire::query("hang"));
  EXPECT_TRUE(eventually(patience, [&] { return hanging(cluster) == before + 1; }));
  return session;
}

double cancels(const test_proxy& proxy, const std::string& result) {
  return proxy.metric("pgsteer_cancels_total", {{"result", result}});
}

// pgbouncer#666, cloudnative-pg#9818: behind a proxy with several standbys the cancel goes to the wrong one.
TEST(Cancel, HitsItsSessionThroughTheSameProxy) {
  fake_cluster cluster(2);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 2));
  double forwarded = 0;
  for (const endpoint& target : {proxy.rw(), proxy.ro(), proxy.ro()}) {
    auto session = hang(cluster, target);
    EXPECT_EQ(send_cancel(target, session.login.pid, session.login.key), stream_end::closed);
    EXPECT_EQ(session.client.read_query_result().sqlstate, "57014");
    EXPECT_EQ(session.client.query("echo still here").value(), "still here");
    EXPECT_EQ(cancels(proxy, "forwarded"), ++forwarded);
  }
  EXPECT_EQ(cluster.primary().counters().cancels_unmatched, 0U);
  EXPECT_EQ(cluster.standby(1).counters().cancels_unmatched, 0U);
  EXPECT_EQ(cluster.standby(2).counters().cancels_unmatched, 0U);
  EXPECT_EQ(cancels(proxy, "broadcast"), 0);
  EXPECT_TRUE(eventually(patience, [&] {
    return proxy.closed("rw", "cancel_request") + proxy.closed("ro", "cancel_request") == 3;
  }));
  EXPECT_TRUE(proxy.accounts_balance());
}

// Two pgsteer behind one Kubernetes Service: the cancel lands on the one that never saw the session.
TEST(Cancel, HitsItsSessionThroughAnotherProxy) {
  fake_cluster cluster(2);
  test_proxy proxy(cluster.endpoints());
  test_proxy other(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 2));
  ASSERT_TRUE(other.wait_for_backends(1, 2));
  auto rw = hang(cluster, proxy.rw());
  auto ro_one = hang(cluster, proxy.ro());
  auto ro_two = hang(cluster, proxy.ro());
  EXPECT_EQ(send_cancel(other.rw(), rw.login.pid, rw.login.key), stream_end::closed);
  EXPECT_EQ(rw.client.read_query_result().sqlstate, "57014");
  EXPECT_EQ(send_cancel(other.ro(), ro_two.login.pid, ro_two.login.key), stream_end::closed);
  EXPECT_EQ(ro_two.client.read_query_result().sqlstate, "57014");
  EXPECT_EQ(hanging(cluster), 1U);
  EXPECT_EQ(send_cancel(other.ro(), ro_one.login.pid, ro_one.login.key), stream_end::closed);
  EXPECT_EQ(ro_one.client.read_query_result().sqlstate, "57014");
  EXPECT_EQ(cancels(other, "broadcast"), 3);
  EXPECT_EQ(cancels(proxy, "broadcast") + cancels(proxy, "forwarded"), 0);
  EXPECT_EQ(matched(cluster), 3U);
}

// An ro listener without standbys serves from the primary; cancels must follow it there, from anywhere.
TEST(Cancel, HitsAnRoSessionOnThePrimary) {
  fake_cluster cluster(2);
  cluster.standby(1).crash();
  cluster.standby(2).crash();
  test_proxy proxy(cluster.endpoints());
  test_proxy other(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 0));
  ASSERT_TRUE(other.wait_for_backends(1, 0));
  auto session = hang(cluster, proxy.ro());
  EXPECT_EQ(send_cancel(other.ro(), session.login.pid, session.login.key), stream_end::closed);
  EXPECT_EQ(session.client.read_query_result().sqlstate, "57014");
}

// A wrong key must hit nobody and leave no trace.
TEST(Cancel, IsHarmlessWithAWrongKey) {
  fake_cluster cluster(2);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 2));
  auto session = hang(cluster, proxy.rw());
  EXPECT_EQ(send_cancel(proxy.rw(), session.login.pid, "\1\2\3\4"), stream_end::closed);
  EXPECT_EQ(send_cancel(proxy.rw(), session.login.pid + 1, session.login.key), stream_end::closed);
  EXPECT_EQ(send_cancel(proxy.ro(), 1, "abcd"), stream_end::closed);
  EXPECT_EQ(session.client.read_query_result(milliseconds{100}).end, stream_end::timed_out);
  EXPECT_EQ(matched(cluster), 0U);
  EXPECT_EQ(send_cancel(proxy.rw(), session.login.pid, session.login.key), stream_end::closed);
  EXPECT_EQ(session.client.read_query_result().sqlstate, "57014");
  EXPECT_EQ(matched(cluster), 1U);
}

// Protocol 3.2 keys are up to 256 bytes long.
TEST(Cancel, CarriesLongKeys) {
  for (const std::size_t key_bytes : {std::size_t{32}, std::size_t{256}}) {
    SCOPED_TRACE(key_bytes);
    fake_cluster cluster(2);
    cluster.primary().change([key_bytes](fake_settings& settings) { settings.key_bytes = key_bytes; });
    test_proxy proxy(cluster.endpoints());
    ASSERT_TRUE(proxy.wait_for_backends(1, 2));
    auto session = hang(cluster, proxy.rw());
    ASSERT_EQ(session.login.key.size(), key_bytes);
    EXPECT_EQ(send_cancel(proxy.rw(), session.login.pid, session.login.key), stream_end::closed);
    EXPECT_EQ(session.client.read_query_result().sqlstate, "57014");
    EXPECT_EQ(cancels(proxy, "forwarded"), 1);
  }
}

// The small sister of the thousand cancels: every one through a proxy drawn in turn, every one its own
// session.
TEST(Cancel, HitsItsOwnSessionEveryTime) {
  constexpr std::uint64_t rounds = 60;
  fake_cluster cluster(2);
  test_proxy proxy(cluster.endpoints());
  test_proxy other(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 2));
  ASSERT_TRUE(other.wait_for_backends(1, 2));
  auto bystander_one = hang(cluster, proxy.ro());
  auto bystander_two = hang(cluster, proxy.ro());
  for (std::uint64_t i = 0; i < rounds; ++i) {
    auto session = hang(cluster, proxy.ro());
    const endpoint target = i % 2 == 0 ? proxy.ro() : other.ro();
    ASSERT_EQ(send_cancel(target, session.login.pid, session.login.key), stream_end::closed);
    ASSERT_EQ(session.client.read_query_result().sqlstate, "57014");
  }
  EXPECT_EQ(matched(cluster), rounds);
  EXPECT_EQ(hanging(cluster), 2U);
  EXPECT_EQ(cancels(proxy, "forwarded"), rounds / 2);
  EXPECT_EQ(cancels(other, "broadcast"), rounds / 2);
}

// A cancel for a backend that does not answer ends within cancel_timeout and takes nothing with it.
TEST(Cancel, EndsWhenTheBackendIsSilent) {
  fake_cluster cluster(2);
  test_proxy proxy(cluster.endpoints(),
                   [](config::config& options) { options.runtime.login.cancel_timeout = milliseconds{300}; });
  ASSERT_TRUE(proxy.wait_for_backends(1, 2));
  auto session = hang(cluster, proxy.rw());
  cluster.primary().freeze();
  EXPECT_EQ(send_cancel(proxy.rw(), session.login.pid, session.login.key), stream_end::closed);
  cluster.primary().thaw();
  EXPECT_TRUE(proxy.wait_for_backends(1, 2));
  EXPECT_EQ(who_answers(proxy.rw()), "primary");
}

// Whoever looks for a Ctrl-C without an effect finds it counted.
TEST(Cancel, IsCountedAsDroppedWhereTheBackendDoesNotTakeIt) {
  fake_cluster cluster(2);
  test_proxy proxy(cluster.endpoints());
  ASSERT_TRUE(proxy.wait_for_backends(1, 2));
  auto session = hang(cluster, proxy.rw());
  cluster.primary().stop_listening();
  EXPECT_EQ(send_cancel(proxy.rw(), session.login.pid, session.login.key), stream_end::closed);
  EXPECT_TRUE(eventually(patience, [&] { return cancels(proxy, "dropped") == 1; }));
  EXPECT_EQ(cancels(proxy, "forwarded"), 1);
}

TEST(Cancel, ThatWaitsForItsBackendDoesNotHoldUpAStop) {
  fake_cluster cluster(2);
  test_proxy proxy(cluster.endpoints(), [](config::config& options) {
    options.runtime.login.cancel_timeout = beyond_patience;
    options.drain_timeout = milliseconds{300};
  });
  ASSERT_TRUE(proxy.wait_for_backends(1, 2));
  const auto session = hang(cluster, proxy.rw());
  cluster.primary().freeze();
  fake_client canceller(proxy.rw());
  canceller.send(wire::cancel_request(session.login.pid, session.login.key));
  ASSERT_TRUE(eventually(patience, [&] { return cancels(proxy, "forwarded") == 1; }));
  proxy.request_stop();
  EXPECT_EQ(proxy.wait_for_exit(), 0);
  cluster.primary().thaw();
}

}  // namespace
}  // namespace pgsteer::test
