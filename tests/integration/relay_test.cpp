// Bytes between client and backend after login: Envoy's catalogue of TCP proxy behaviours, with PostgreSQL's
// manners.
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "support/byte_pattern.hpp"
#include "support/fake_client.hpp"
#include "support/test_proxy.hpp"

namespace pgsteer::test {
namespace {

constexpr std::size_t mebibyte = 1U << 20U;

class Relay : public testing::Test {
 protected:
  void start(const test_proxy::adjustment& adjust = {}) {
    proxy_ = std::make_unique<test_proxy>(cluster_.endpoints(), adjust);
    ASSERT_TRUE(proxy_->wait_for_backends(1, 0));
  }

  fake_client logged_in(std::optional<int> receive_buffer_bytes = std::nullopt) {
    fake_client client(proxy_->rw(), receive_buffer_bytes);
    EXPECT_TRUE(client.startup().is_logged_in);
    return client;
  }

  // Every session has ended on both sides, for this reason.
  void expect_closed(const std::string& reason, double n = 1) {
    EXPECT_TRUE(eventually(patience, [&] { return proxy_->closed("rw", reason) == n; })) << reason;
    EXPECT_TRUE(eventually(patience, [&] { return cluster_.open_sessions() == 0; }));
    EXPECT_TRUE(proxy_->wait_for_metric("pgsteer_sessions", rw_label, 0));
    EXPECT_TRUE(proxy_->accounts_balance());
  }

  fake_counters seen() { return cluster_.primary().counters(); }

  fake_cluster cluster_{0};
  std::unique_ptr<test_proxy> proxy_;
};

// The client has said all it wants to say and waits for the rest of the answer.
TEST_F(Relay, PassesTheClientsHalfCloseOn) {
  start();
  fake_client client = logged_in();
  client.send(wire::query("after_eof 200000"));
  client.half_close();
  const auto rest = client.read_until_end();
  EXPECT_EQ(rest.end, stream_end::closed);
  EXPECT_EQ(rest.bytes, byte_pattern(200'000).take(200'000));
  expect_closed("client_closed");
}

// The backend has said its last and still reads.
TEST_F(Relay, PassesTheBackendsHalfCloseOn) {
  start();
  fake_client client = logged_in();
  EXPECT_EQ(client.query("half_close").value(), "primary");
  EXPECT_EQ(client.read_until_end().end, stream_end::closed);
  const auto before = seen().session_bytes_received;
  EXPECT_TRUE(client.send(std::string(100'000, 'x')));
  EXPECT_TRUE(eventually(patience, [&] { return seen().session_bytes_received == before + 100'000; }));
  client.close();
  expect_closed("backend_closed");
}

// One side has ended and the other never does: the place is not held for ever.
TEST_F(Relay, EndsASessionThatStaysHalfClosed) {
  start([](config::config& options) { options.relay.half_close_timeout = milliseconds{300}; });
  fake_client client = logged_in();
  EXPECT_EQ(client.query("half_close").value(), "primary");
  EXPECT_EQ(client.read_until_end().end, stream_end::closed);
  expect_closed("half_closed_too_long");
}

TEST_F(Relay, EndsTheBackendsSideWhenTheClientResets) {
  start();
  fake_client client = logged_in();
  EXPECT_EQ(client.query("whoami").value(), "primary");
  client.reset();
  expect_closed("client_lost");
}

TEST_F(Relay, EndsTheClientsSideWhenTheBackendResets) {
  start();
  fake_client client = logged_in();
  const auto result = client.query("reset");
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.end, stream_end::reset);
  expect_closed("backend_lost");
}

// PostgreSQL's own farewell reaches the client whole, before the end.
TEST_F(Relay, DeliversTheBackendsLastWords) {
  start();
  fake_client client = logged_in();
  const auto result = client.query("fatal");
  EXPECT_EQ(result.sqlstate, "57P01");
  EXPECT_EQ(result.message, "terminating connection due to administrator command");
  EXPECT_EQ(result.end, stream_end::closed);
  client.close();
  expect_closed("backend_closed");
}

// The client waits for the backend's end before it closes: the session was the client's to end all the same.
TEST_F(Relay, EndsWithTheClientsTerminate) {
  start();
  fake_client client = logged_in();
  client.send(wire::terminate());
  EXPECT_EQ(client.read_until_end().end, stream_end::closed);
  client.close();
  expect_closed("client_closed");
}

// As libpq does: Terminate and the end of the connection at once. The backend's end, its answer, may be read
// first; to count it as the backend's doing would look like trouble there.
TEST_F(Relay, CountsTheClientsEndWhereBothHaveEnded) {
  constexpr int sessions = 300;
  start();
  for (int i = 0; i < sessions; ++i) {
    fake_client client = logged_in();
    client.send(wire::terminate());
    client.close();
  }
  expect_closed("client_closed", sessions);
}

// COPY in both directions at once, at full speed, every byte in its place.
TEST_F(Relay, MovesBothDirectionsAtOnceByteExact) {
  constexpr std::size_t n = 16 * mebibyte;
  start();
  fake_client client = logged_in();
  const std::string upload = byte_pattern(31).take(n);
  client.send(wire::query("duplex 32 " + std::to_string(n)));
  std::thread sender([&] { EXPECT_TRUE(client.send(upload)); });
  const auto download = client.read_exactly(n);
  sender.join();
  EXPECT_EQ(checksum_of(download.bytes), checksum_of(byte_pattern(32).take(n)));
  EXPECT_EQ(client.read_query_result().value(), std::to_string(checksum_of(upload)));
  client.close();
  expect_closed("client_closed");
  const double to_backend =
      proxy_->metric("pgsteer_session_bytes_total", {{"direction", "client_to_backend"}, {"listener", "rw"}});
  const double to_client =
      proxy_->metric("pgsteer_session_bytes_total", {{"direction", "backend_to_client"}, {"listener", "rw"}});
  EXPECT_GE(to_backend, n);
  EXPECT_LE(to_backend, static_cast<double>(seen().session_bytes_received));
  EXPECT_EQ(to_client, static_cast<double>(seen().session_bytes_sent));
}

// A report that runs for hours is seen while it does, not as one peak at its end.
TEST_F(Relay, CountsTheBytesOfASessionThatGoesOn) {
  constexpr std::size_t n = 1 * mebibyte;
  start();
  fake_client client = logged_in();
  client.send(wire::query("bulk " + std::to_string(n)));
  EXPECT_EQ(client.read_exactly(n).bytes.size(), n);
  EXPECT_TRUE(eventually(patience, [&] {
    return proxy_->metric("pgsteer_session_bytes_total",
                          {{"direction", "backend_to_client"}, {"listener", "rw"}}) >= n;
  }));
  EXPECT_EQ(proxy_->metric("pgsteer_sessions", {{"listener", "rw"}}), 1);
}

// Writes of every size from one byte to three buffers, in an order drawn by a seed.
TEST_F(Relay, KeepsBytesInOrderWhateverTheirPieces) {
  constexpr std::uint32_t seed = 20'240'917;
  start();
  fake_client client = logged_in();
  client.send(wire::query("mirror"));
  std::mt19937 random(seed);
  byte_pattern pattern(seed);
  for (int i = 0; i < 300; ++i) {
    const std::size_t n = std::size_t{1} << (random() % 18U);
    const std::string piece = pattern.take(n + random() % n);
    std::thread sender([&] { EXPECT_TRUE(client.send(piece)); });
    const auto back = client.read_exactly(piece.size());
    sender.join();
    ASSERT_EQ(back.bytes == piece, true) << "seed " << seed << ", piece " << i << " of " << piece.size();
  }
  client.half_close();
  EXPECT_EQ(client.read_until_end().bytes, "");
  expect_closed("client_closed");
}

// The client stops reading in the middle of a big result and goes on later. Meanwhile the backend must be
// made to wait, other sessions must not, and afterwards not a byte may be missing.
TEST_F(Relay, WaitsForAStalledReader) {
  // Socket buffers take 25 MiB of it, on a busy machine up to 40: net.ipv4.tcp_rmem and tcp_wmem.
  constexpr std::size_t n = 64 * mebibyte;
  start();
  fake_client stalled = logged_in(32 * 1024);
  stalled.send(wire::query("bulk " + std::to_string(n)));
  std::uint64_t last = 0;
  ASSERT_TRUE(eventually(patience, [&] {
    const std::uint64_t now = seen().session_bytes_sent;
    std::this_thread::sleep_for(milliseconds{100});
    const bool is_still = now > mebibyte && now == std::exchange(last, now);
    return is_still && proxy_->metric("pgsteer_relay_stalls_total") >= 1;
  }));
  EXPECT_LT(last, n - n / 4);
  EXPECT_EQ(who_answers(proxy_->rw()), "primary");
  const auto result = stalled.read_query_result();
  checksum sum;
  std::size_t total = 0;
  for (const auto& row : result.rows) {
    sum.add(*row.at(0));
    total += row.at(0)->size();
  }
  EXPECT_EQ(result.status, 'I');
  EXPECT_EQ(total, n);
  EXPECT_EQ(sum.value(), checksum_of(byte_pattern(n).take(n)));
}

// The other way round: a COPY FROM into a backend that is busy for a while.
TEST_F(Relay, WaitsForAStalledBackend) {
  constexpr std::size_t n = 16 * mebibyte;
  start();
  fake_client client = logged_in();
  const std::string upload = byte_pattern(77).take(n);
  client.send(wire::query("sink " + std::to_string(n) + " 300"));
  EXPECT_TRUE(client.send(upload));
  EXPECT_EQ(client.read_query_result().value(), std::to_string(checksum_of(upload)));
  EXPECT_EQ(client.query("whoami").value(), "primary");
}

// One direction stands still; the other must flow on.
TEST_F(Relay, KeepsTheDirectionsApart) {
  constexpr std::size_t n = 8 * mebibyte;
  start();
  fake_client client = logged_in(32 * 1024);
  const std::string upload = byte_pattern(5).take(n);
  client.send(wire::query("duplex 6 " + std::to_string(n)));
  EXPECT_TRUE(client.send(upload));  // nothing has been read yet
  EXPECT_EQ(checksum_of(client.read_exactly(n).bytes), checksum_of(byte_pattern(6).take(n)));
  EXPECT_EQ(client.read_query_result().value(), std::to_string(checksum_of(upload)));
}

// Drivers that do not wait for the login send the first query in the same segment.
TEST_F(Relay, CarriesAQuerySentWithTheStartupMessage) {
  start();
  fake_client client(proxy_->rw());
  client.send(app_startup_message() + wire::query("whoami") + wire::query("echo two"));
  EXPECT_TRUE(client.read_login().is_logged_in);
  EXPECT_EQ(client.read_query_result().value(), "primary");
  EXPECT_EQ(client.read_query_result().value(), "two");
}

// libpq's pipeline mode: many queries, one flight.
// All in one go, and no more to say: the answer still comes.
TEST_F(Relay, AnswersAClientThatHalfClosedBehindItsQuery) {
  start();
  fake_client client(proxy_->rw());
  client.send(wire::startup_message({{"user", "app"}, {"database", "appdb"}}) + wire::query("whoami"));
  client.half_close();
  EXPECT_TRUE(client.read_login().is_logged_in);
  EXPECT_EQ(client.read_query_result().value(), "primary");
}

TEST_F(Relay, CarriesPipelinedQueries) {
  start();
  fake_client client = logged_in();
  std::string flight;
  for (int i = 0; i < 1'000; ++i) flight += wire::query("echo " + std::to_string(i));
  std::thread sender([&] { EXPECT_TRUE(client.send(flight)); });
  for (int i = 0; i < 1'000; ++i) ASSERT_EQ(client.read_query_result().value(), std::to_string(i));
  sender.join();
}

// A pool keeps a hundred sessions open and uses none: each must still be there when it is needed.
TEST_F(Relay, KeepsIdleSessions) {
  start();
  std::vector<fake_client> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(logged_in());
  EXPECT_EQ(proxy_->metric("pgsteer_sessions", rw_label), 100);
  EXPECT_TRUE(stays_true(milliseconds{200}, [&] { return seen().open_sessions == 100; }));
  for (fake_client& client : clients) ASSERT_EQ(client.query("whoami").value(), "primary");
  clients.clear();
  expect_closed("client_closed", 100);
}

// The client gives up while the backend is still thinking about the login.
TEST_F(Relay, LetsGoOfTheBackendWhenTheClientLeavesDuringLogin) {
  start();
  cluster_.primary().set_session_logins({login_behaviour::silent, "", ""});
  fake_client client(proxy_->rw());
  client.send(app_startup_message());
  ASSERT_TRUE(eventually(patience, [&] { return seen().session_startups == 1; }));
  client.close();
  expect_closed("client_left_early");
}

// The backend dies between AuthenticationOk and ReadyForQuery.
TEST_F(Relay, TellsTheClientWhenTheBackendLeavesDuringLogin) {
  start();
  cluster_.primary().set_session_logins({login_behaviour::close_while_logging_in, "", ""});
  fake_client client(proxy_->rw());
  const auto login = client.startup();
  EXPECT_FALSE(login.has_seen_ready);
  EXPECT_NE(login.end, stream_end::timed_out);
  client.close();
  EXPECT_TRUE(proxy_->wait_for_metric("pgsteer_sessions", rw_label, 0));
  EXPECT_TRUE(proxy_->accounts_balance());
  EXPECT_EQ(seen().session_logins, 0U);
}

// The backend process is killed under a hundred sessions at once.
TEST_F(Relay, EndsEverySessionOfAKilledBackend) {
  for (const bool with_reset : {false, true}) {
    SCOPED_TRACE(with_reset);
    start();
    std::vector<fake_client> clients;
    for (int i = 0; i < 50; ++i) clients.push_back(logged_in());
    cluster_.primary().kill_all_connections(with_reset);
    for (fake_client& client : clients) EXPECT_NE(client.read_until_end().end, stream_end::timed_out);
    clients.clear();
    expect_closed(with_reset ? "backend_lost" : "backend_closed", 50);
  }
}

}  // namespace
}  // namespace pgsteer::test
