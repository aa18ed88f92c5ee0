// Encrypted sessions: the backend says whether, and from then on pgsteer sees bytes and nothing else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "support/byte_pattern.hpp"
#include "support/fake_client.hpp"
#include "support/test_proxy.hpp"

namespace pgsteer::test {
namespace {

class TlsPassthrough : public testing::Test {
 protected:
  void SetUp() override { start({}); }
  void start(const test_proxy::adjustment& adjust) {
    proxy_.reset();
    proxy_ = std::make_unique<test_proxy>(cluster_.endpoints(), adjust);
    ASSERT_TRUE(proxy_->wait_for_backends(1, 1));
  }

  void answer_tls(encryption_answer answer) {
    cluster_.primary().change([answer](fake_settings& settings) { settings.tls = settings.gssenc = answer; });
  }

  // What the fake gets in opaque mode comes back as it was.
  static void expect_opaque(fake_client& client, std::uint64_t seed) {
    const std::string bytes = byte_pattern(seed).take(300'000);
    std::thread sender([&] { EXPECT_TRUE(client.send(bytes)); });
    EXPECT_EQ(client.read_exactly(bytes.size()).bytes == bytes, true);
    sender.join();
  }

  void expect_unharmed() {
    answer_tls(encryption_answer::no);
    EXPECT_EQ(who_answers(proxy_->rw()), "primary");
    EXPECT_TRUE(proxy_->accounts_balance());
    EXPECT_TRUE(eventually(patience, [&] { return cluster_.open_sessions() == 0; }));
  }

  fake_cluster cluster_{1};
  std::unique_ptr<test_proxy> proxy_;
};

// A TLS session of any version, or one over GSS: bytes both ways, exact.
TEST_F(TlsPassthrough, GoesBlindAfterYes) {
  answer_tls(encryption_answer::yes);
  const auto requests = {std::pair(wire::ssl_request(), "S"), std::pair(wire::gssenc_request(), "G")};
  for (const auto& [request, yes] : requests) {
    SCOPED_TRACE(yes);
    fake_client client(proxy_->rw());
    client.send(request);
    ASSERT_EQ(client.read_exactly(1).bytes, yes);
    expect_opaque(client, 11);
    client.half_close();
    EXPECT_EQ(client.read_until_end().end, stream_end::closed);
  }
  EXPECT_EQ(cluster_.primary().counters().session_connections, 2U);
  EXPECT_TRUE(proxy_->wait_for_closed("rw", "client_closed", 2));
  expect_unharmed();
}

// PostgreSQL 17's sslnegotiation=direct: the ClientHello is the first packet, and goes on as it came.
TEST_F(TlsPassthrough, PassesDirectTlsOn) {
  const std::string hello = std::string("\x16\x03\x01\x02\x00\x01", 6) + byte_pattern(3).take(511);
  for (const std::size_t chunk : {hello.size(), std::size_t{7}}) {
    SCOPED_TRACE(chunk);
    fake_client client(proxy_->rw());
    client.send_in_chunks(hello, chunk, milliseconds{1});
    EXPECT_EQ(client.read_exactly(hello.size()).bytes == hello, true);
    expect_opaque(client, 12);
  }
  EXPECT_EQ(cluster_.primary().counters().session_connections, 2U);
  expect_unharmed();
}

// The backend has no TLS: the client goes on in plain text, on the same connection to the same backend.
TEST_F(TlsPassthrough, GoesOnInPlainTextAfterNo) {
  fake_client client(proxy_->rw());
  client.send(wire::ssl_request());
  ASSERT_EQ(client.read_exactly(1).bytes, "N");
  EXPECT_TRUE(client.startup().is_logged_in);
  EXPECT_EQ(client.query("whoami").value(), "primary");
  EXPECT_EQ(cluster_.primary().counters().session_connections, 1U);
  client.close();
  expect_unharmed();
}

// Between 'N' and the StartupMessage a client may take its time, and what was proven of the backend expires:
// the login waits like any other, and its packet does not go to the connection that is there.
TEST_F(TlsPassthrough, GoesOnAfterNoOnlyByAProofThatStillHolds) {
  start(hurry_probes);
  fake_client client(proxy_->rw());
  client.send(wire::ssl_request());
  ASSERT_EQ(client.read_exactly(1).bytes, "N");
  cluster_.primary().freeze();
  ASSERT_TRUE(proxy_->wait_for_backends(0, 1));
  client.send(app_startup_message());
  ASSERT_TRUE(proxy_->wait_for_metric("pgsteer_logins_held", {{"listener", "rw"}}, 1));
  cluster_.primary().thaw();
  EXPECT_TRUE(client.read_login().is_logged_in);
  EXPECT_EQ(client.query("whoami").value(), "primary");
  EXPECT_GE(cluster_.primary().counters().session_connections, 2U);  // a slow host may have cut one short
  EXPECT_EQ(cluster_.primary().counters().session_startups, 1U);
}

// A client that takes its time after 'N' keeps no place at a primary that is none any more.
TEST_F(TlsPassthrough, LeavesALostPrimaryAfterNo) {
  fake_client client(proxy_->rw());
  client.send(wire::ssl_request());
  ASSERT_EQ(client.read_exactly(1).bytes, "N");
  EXPECT_EQ(cluster_.open_sessions(), 1U);
  cluster_.standby(1).promote(2);
  EXPECT_TRUE(eventually(patience, [&] { return cluster_.open_sessions() == 0; }));
  EXPECT_TRUE(proxy_->wait_for_metric("pgsteer_backend_sessions", {}, 0));
  client.send(app_startup_message());
  EXPECT_TRUE(client.read_login().is_logged_in);
  EXPECT_EQ(client.query("whoami").value(), "standby-1");
}

// CVE-2024-10977: an ErrorResponse before TLS is text of nobody knows whom. CVE-2021-23222: bytes behind 'S'
// were not encrypted. Neither may reach the client.
TEST_F(TlsPassthrough, ForwardsNothingUnvouchedFor) {
  for (const auto answer : {encryption_answer::error, encryption_answer::yes_junk}) {
    SCOPED_TRACE(static_cast<int>(answer));
    answer_tls(answer);
    fake_client client(proxy_->impatient());
    client.send(wire::ssl_request());
    std::string bytes = client.read_exactly(1).bytes;
    client.half_close();  // an 'N' is all that it had to wait for
    const auto rest = client.read_until_end();
    EXPECT_NE(rest.end, stream_end::timed_out);
    bytes += rest.bytes;
    EXPECT_THAT(bytes, testing::Not(testing::StartsWith("S")));
    EXPECT_THAT(bytes, testing::Not(testing::HasSubstr("junk")));
    EXPECT_THAT(bytes, testing::Not(testing::HasSubstr("1234.5679")));
  }
  EXPECT_EQ(cluster_.primary().counters().session_startups, 0U);
  expect_unharmed();
}

// The primary is lost under an encrypted session: plain text in the middle of a TLS stream would be a
// protocol violation, so the session is reset without a word.
TEST_F(TlsPassthrough, SpeaksNoPlainTextIntoAnEncryptedSession) {
  answer_tls(encryption_answer::yes);
  fake_client client(proxy_->rw());
  client.send(wire::ssl_request());
  ASSERT_EQ(client.read_exactly(1).bytes, "S");
  // Looks like ReadyForQuery, and is not.
  client.send(wire::ready_for_query('I'));
  EXPECT_EQ(client.read_exactly(6).bytes, wire::ready_for_query('I'));
  cluster_.standby(1).promote(2);
  cluster_.primary().demote(2);
  const auto rest = client.read_until_end();
  EXPECT_EQ(rest.bytes, "");
  EXPECT_EQ(rest.end, stream_end::closed) << "without a word, and a reset would take what it has not read";
}

// No primary: the login is held at its SSLRequest and released like any other.
TEST_F(TlsPassthrough, HoldsAnSslRequest) {
  cluster_.primary().demote(1);
  ASSERT_TRUE(proxy_->wait_for_backends(0, 2));
  fake_client client(proxy_->rw());
  client.send(wire::ssl_request());
  ASSERT_TRUE(proxy_->wait_for_metric("pgsteer_logins_held", rw_label, 1));
  cluster_.standby(1).promote(2);
  EXPECT_EQ(client.read_exactly(1).bytes, "N");
  EXPECT_TRUE(client.startup().is_logged_in);
  EXPECT_EQ(client.query("whoami").value(), "standby-1");
}

}  // namespace
}  // namespace pgsteer::test
