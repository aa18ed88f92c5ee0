// The first bytes of a connection, from anybody: PostgreSQL's own verdict or a close, and no backend is
// dialed before a whole first packet is there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_client.hpp"
#include "support/test_proxy.hpp"

namespace pgsteer::test {
namespace {

using std::chrono::steady_clock;

class Startup : public testing::Test {
 protected:
  static constexpr milliseconds startup_timeout{400};

  // With a startup_timeout that does not act, as for the tests of what else ends a client.
  void SetUp() override { start({}); }
  void start(const test_proxy::adjustment& adjust) {
    proxy_.reset();
    proxy_ = std::make_unique<test_proxy>(cluster_.endpoints(), adjust);
    ASSERT_TRUE(proxy_->wait_for_backends(1, 0));
  }
  void start_with_startup_timeout() {
    start([](config::config& options) { options.runtime.login.startup_timeout = startup_timeout; });
  }

  // Whatever happened before: alive, in balance, and a new client is served. On a slow machine it may meet
  // startup_timeout first.
  void expect_unharmed() {
    EXPECT_TRUE(eventually(patience, [&] { return who_answers(proxy_->rw()) == "primary"; }));
    EXPECT_TRUE(proxy_->accounts_balance());
    EXPECT_TRUE(proxy_->wait_for_metric("pgsteer_sessions", {}, 0));
  }

  std::uint64_t dialed() { return cluster_.session_connections(); }

  fake_cluster cluster_{0};
  std::unique_ptr<test_proxy> proxy_;
};

struct garbage {
  const char* name;
  std::string bytes;
  std::string sqlstate;  // empty: a close without a word is right too
};

std::string with_length(std::uint32_t length) {
  return wire::int32(length) + wire::int32(wire::protocol_3_0);
}

std::vector<garbage> garbage_table() {
  const std::string startup = app_startup_message();
  const std::string unterminated =
      wire::startup_packet(wire::protocol_3_0, std::string("user\0app\0data", 13));
  return {
      {"http", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", ""},
      {"ssh", "SSH-2.0-OpenSSH_9.2\r\n", ""},
      {"random", std::string("\xDE\xAD\xBE\xEF\xFE\xED\xFA\xCE", 8), ""},
      {"zeroes", std::string(64, '\0'), ""},
      {"length 0", with_length(0), ""},
      {"length 3", with_length(3), ""},
      {"length 4", with_length(4), ""},
      {"length 7", with_length(7), ""},
      {"length 10005", with_length(10'005) + std::string(9'997, 'x'), ""},
      {"length 2^31-1", with_length(0x7FFFFFFF), ""},
      {"length 2^31", with_length(0x80000000), ""},
      {"length 2^32-1", with_length(0xFFFFFFFF), ""},
      {"protocol 2.0", wire::startup_packet(2U << 16U, std::string(288, '\0')), "0A000"},
      {"protocol 4.0", wire::startup_packet(4U << 16U, std::string("user\0app\0\0", 10)), "0A000"},
      {"no terminator", unterminated, "08P01"},
      {"cancel too short", wire::startup_packet(wire::cancel_request_code, "abc"), ""},
      {"tls alert", std::string("\x15\x03\x01\x00\x02\x02\x28", 7), ""},
      {"not quite tls", std::string("\x16\x07\x00\x00\x01\x00", 6), ""},
      {"startup behind SSLRequest in one segment", wire::ssl_request() + startup, ""},
      {"startup behind GSSENCRequest in one segment", wire::gssenc_request() + startup, ""},
      {"SSLRequest twice in one segment", wire::ssl_request() + wire::ssl_request(), ""},
  };
}

// Port scanners, browsers, fuzzers. CVE-2021-23214 for those behind an SSLRequest.
TEST_F(Startup, EndsGarbageWithoutDialing) {
  for (const garbage& attack : garbage_table()) {
    SCOPED_TRACE(attack.name);
    const auto before = dialed();
    fake_client client(proxy_->rw());
    client.send(attack.bytes);
    const auto answer = client.read_until_end();
    EXPECT_NE(answer.end, stream_end::timed_out);
    EXPECT_THAT(answer.bytes, testing::AnyOf("", testing::StartsWith("E")));
    EXPECT_THAT(answer.bytes, testing::HasSubstr(attack.sqlstate));
    EXPECT_EQ(dialed(), before);
    EXPECT_EQ(who_answers(proxy_->rw()), "primary");
  }
  // Not by startup_timeout: that would be another reason.
  EXPECT_TRUE(eventually(patience, [&] {
    return proxy_->closed("rw", "malformed_startup") == static_cast<double>(garbage_table().size());
  }));
  expect_unharmed();
}

// The same bytes, but they come one by one: the verdict must not depend on the segments.
TEST_F(Startup, JudgesGarbageThatComesByteByByte) {
  double judged = 0;
  for (const garbage& attack : garbage_table()) {
    if (attack.bytes.size() > 64 ||
        std::string_view(attack.name).find("one segment") != std::string_view::npos)
      continue;
    SCOPED_TRACE(attack.name);
    const auto before = dialed();
    fake_client client(proxy_->rw());
    client.send_in_chunks(attack.bytes, 1, milliseconds{1});
    EXPECT_NE(client.read_until_end().end, stream_end::timed_out);
    EXPECT_EQ(dialed(), before);
    EXPECT_TRUE(proxy_->wait_for_closed("rw", "malformed_startup", ++judged));
  }
  expect_unharmed();
}

// Slow loris: PostgreSQL forks a process for each of these; pgsteer must not even dial.
TEST_F(Startup, EndsAtStartupTimeoutWithoutDialing) {
  start_with_startup_timeout();
  const std::string startup = app_startup_message();
  const std::vector<std::string> beginnings{"",
                                            startup.substr(0, 1),
                                            startup.substr(0, 4),
                                            startup.substr(0, 8),
                                            startup.substr(0, startup.size() - 1),
                                            wire::ssl_request().substr(0, 7),
                                            "\x16",
                                            std::string("\x16\x03\x01\x01\x00\x01\x00", 7)};
  const auto started = steady_clock::now();
  std::vector<fake_client> clients;
  for (const std::string& bytes : beginnings) {
    clients.emplace_back(proxy_->rw());
    clients.back().send(bytes);
  }
  for (fake_client& client : clients) {
    EXPECT_NE(client.read_until_end().end, stream_end::timed_out);
    EXPECT_GE(steady_clock::now() - started, startup_timeout);
  }
  EXPECT_EQ(dialed(), 0U);
  EXPECT_TRUE(eventually(patience, [&] {
    return proxy_->closed("rw", "startup_timeout") == static_cast<double>(beginnings.size());
  }));
  expect_unharmed();
}

// A byte now and then does not extend the deadline: the end comes before a packet that takes patience to send
// is whole.
TEST_F(Startup, CountsStartupTimeoutFromTheFirstByte) {
  start_with_startup_timeout();
  fake_client client(proxy_->rw());
  const std::string startup = wire::startup_message({{"user", std::string(6'000, 'u')}});
  EXPECT_FALSE(client.send_in_chunks(startup.substr(0, startup.size() - 1), 1, patience / 6'000));
  EXPECT_TRUE(proxy_->wait_for_closed("rw", "startup_timeout", 1));
  EXPECT_EQ(dialed(), 0U);
  expect_unharmed();
}

// Load balancers connect to see whether anybody listens, and leave; some send a little first.
TEST_F(Startup, ForgetsClientsThatLeaveEarly) {
  const std::string startup = app_startup_message();
  for (const std::size_t n : {std::size_t{0}, std::size_t{1}, std::size_t{5}, startup.size() - 1}) {
    for (const bool with_reset : {false, true}) {
      fake_client client(proxy_->rw());
      client.send(startup.substr(0, n));
      if (with_reset) client.reset();
    }
  }
  EXPECT_TRUE(proxy_->wait_for_closed("rw", "client_left_early", 8));
  EXPECT_EQ(dialed(), 0U);
  expect_unharmed();
}

// SSLRequest, 'N', SSLRequest again: PostgreSQL reads the second as an unknown protocol.
TEST_F(Startup, RefusesASecondSslRequest) {
  for (const std::string& request : {wire::ssl_request(), wire::gssenc_request()}) {
    fake_client client(proxy_->rw());
    client.send(request);
    ASSERT_EQ(client.read_exactly(1).bytes, "N");
    client.send(request);
    const auto answer = client.read_until_end();
    EXPECT_NE(answer.end, stream_end::timed_out);
    EXPECT_THAT(answer.bytes, testing::HasSubstr("C0A000"));
  }
  EXPECT_EQ(cluster_.primary().counters().session_startups, 0U);
  expect_unharmed();
}

// Bytes sent behind SSLRequest in a segment of their own, before the reply: they were not encrypted and must
// never be taken for encrypted ones, or for a StartupMessage.
TEST_F(Startup, RefusesBytesSentBeforeTheSslReply) {
  for (const auto answer : {encryption_answer::yes, encryption_answer::no}) {
    SCOPED_TRACE(static_cast<int>(answer));
    const auto before = cluster_.primary().counters();
    cluster_.primary().change([answer](fake_settings& settings) {
      settings.tls = answer;
      settings.stops_before_encryption = true;
    });
    fake_client client(proxy_->rw());
    client.send(wire::ssl_request());
    ASSERT_TRUE(eventually(patience, [&] {
      return cluster_.primary().counters().encryption_requests == before.encryption_requests + 1;
    }));
    client.send(app_startup_message());
    ASSERT_TRUE(client.wait_for_arrival());
    cluster_.primary().change([](fake_settings& settings) { settings.stops_before_encryption = false; });
    const auto rest = client.read_until_end();
    EXPECT_NE(rest.end, stream_end::timed_out);
    EXPECT_THAT(rest.bytes, testing::AnyOf("", testing::StartsWith("E")));
    ASSERT_TRUE(eventually(patience, [&] { return cluster_.open_sessions() == 0; }));
    const auto after = cluster_.primary().counters();
    EXPECT_EQ(after.session_bytes_received, before.session_bytes_received + wire::ssl_request().size());
    EXPECT_EQ(after.session_startups, before.session_startups);
    cluster_.primary().change([](fake_settings& settings) { settings = fake_settings{}; });
    expect_unharmed();
  }
}

// libpq asks for GSS first, then for TLS, then goes on in plain text: all on one connection, at one backend.
TEST_F(Startup, GoesOnAfterRejectedEncryption) {
  fake_client client(proxy_->rw());
  client.send(wire::gssenc_request());
  ASSERT_EQ(client.read_exactly(1).bytes, "N");
  client.send(wire::ssl_request());
  ASSERT_EQ(client.read_exactly(1).bytes, "N");
  EXPECT_TRUE(client.startup().is_logged_in);
  EXPECT_EQ(client.query("whoami").value(), "primary");
  EXPECT_EQ(dialed(), 1U);
  EXPECT_EQ(cluster_.primary().counters().encryption_requests, 2U);
  client.close();
  expect_unharmed();
}

// PostgreSQL 19's libpq sends minor version 9999 and _pq_.test_protocol_negotiation to find proxies that
// meddle. Byte for byte, then.
TEST_F(Startup, PassesTheStartupMessageOnUntouched) {
  const std::string startup = wire::startup_message({{"user", "app"},
                                                     {"database", "appdb"},
                                                     {"_pq_.test_protocol_negotiation", ""},
                                                     {"options", "-c geqo=off -c search_path=evil"},
                                                     {"application_name", std::string(5'000, 'n')}},
                                                    (3U << 16U) | 9'999U);
  fake_client client(proxy_->rw());
  client.send(startup);
  EXPECT_TRUE(client.read_login().is_logged_in);
  EXPECT_EQ(cluster_.primary().counters().last_startup_packet, startup);
  client.close();
  expect_unharmed();
}

// The largest packet PostgreSQL accepts: 10,000 bytes behind the length word.
TEST_F(Startup, AcceptsTheLargestStartupPacket) {
  const std::string frame = wire::startup_message({{"user", "app"}, {"application_name", ""}});
  const std::string startup =
      wire::startup_message({{"user", "app"}, {"application_name", std::string(10'004 - frame.size(), 'n')}});
  ASSERT_EQ(startup.size(), 10'004U);
  fake_client client(proxy_->rw());
  client.send(startup);
  EXPECT_TRUE(client.read_login().is_logged_in);
  EXPECT_EQ(cluster_.primary().counters().last_startup_packet, startup);
  client.close();
  expect_unharmed();
}

}  // namespace
}  // namespace pgsteer::test
