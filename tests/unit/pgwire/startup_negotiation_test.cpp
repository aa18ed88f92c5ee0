#include "pgsteer/pgwire/startup_negotiation.hpp"

#include <gtest/gtest.h>

#include <string>

#include "pgsteer/pgwire/errc.hpp"
#include "unit/pgwire/wire_bytes.hpp"

namespace pgsteer::pgwire {
namespace {

using namespace test;
using kind = startup_step::kind;

startup_step after(std::initializer_list<std::pair<std::uint32_t, char>> requests, std::string_view bytes) {
  startup_negotiation negotiation;
  for (const auto& [code, reply] : requests) {
    const auto request = packet(code);
    EXPECT_EQ(negotiation.consume(as_bytes(request)).what, kind::complete);
    negotiation.replied(reply);
  }
  return negotiation.consume(as_bytes(bytes));
}

TEST(StartupNegotiation, TakesStartupMessageAfterEveryReply) {
  const auto plain = startup({"user", "app"});
  for (const auto code : {ssl_code, gssenc_code}) {
    for (const auto reply : {'N', 'S', 'G'}) {
      const auto step = after({{code, reply}}, plain);
      EXPECT_EQ(step.what, kind::complete);
      EXPECT_EQ(step.packet, packet_kind::startup_message);
      EXPECT_EQ(step.protocol, protocol_3_0);
    }
  }
}

TEST(StartupNegotiation, TakesTheOtherRequestAfterARejection) {
  EXPECT_EQ(after({{gssenc_code, 'N'}}, packet(ssl_code)).packet, packet_kind::ssl_request);
  EXPECT_EQ(after({{ssl_code, 'N'}}, packet(gssenc_code)).packet, packet_kind::gssenc_request);
}

TEST(StartupNegotiation, TakesCancelRequestAfterARejection) {
  const auto step = after({{ssl_code, 'N'}, {gssenc_code, 'N'}}, packet(cancel_code, int32(1) + int32(2)));
  EXPECT_EQ(step.what, kind::complete);
  EXPECT_EQ(step.packet, packet_kind::cancel_request);
}

// PostgreSQL falls through to the version check: 1234.5679 is no version it knows.
TEST(StartupNegotiation, RefusesARequestTwiceAsUnsupportedProtocol) {
  for (const auto code : {ssl_code, gssenc_code}) {
    const auto step = after({{code, 'N'}}, packet(code));
    EXPECT_EQ(step.what, kind::invalid);
    EXPECT_EQ(step.error, errc::unsupported_protocol);
  }
  EXPECT_EQ(reason_of(after({{ssl_code, 'N'}}, packet(ssl_code))),
            "unsupported frontend protocol 1234.5679: server supports 3.0 to 3.2");
  EXPECT_EQ(after({{ssl_code, 'N'}, {gssenc_code, 'N'}}, packet(ssl_code)).error, errc::unsupported_protocol);
}

TEST(StartupNegotiation, RefusesAnyRequestInsideEncryption) {
  EXPECT_EQ(after({{ssl_code, 'S'}}, packet(ssl_code)).error, errc::unsupported_protocol);
  EXPECT_EQ(after({{ssl_code, 'S'}}, packet(gssenc_code)).error, errc::unsupported_protocol);
  EXPECT_EQ(after({{gssenc_code, 'G'}}, packet(ssl_code)).error, errc::unsupported_protocol);
  EXPECT_EQ(after({{gssenc_code, 'G'}}, packet(gssenc_code)).error, errc::unsupported_protocol);
}

TEST(StartupNegotiation, KnowsDirectTlsOnlyAsTheVeryFirstByte) {
  EXPECT_EQ(after({}, tls_record("\x01x")).packet, packet_kind::direct_tls);
  EXPECT_EQ(after({{ssl_code, 'N'}}, tls_record("\x01x")).error, errc::invalid_length);
}

TEST(StartupNegotiation, RefusesBytesThatArriveBeforeTheReply) {
  startup_negotiation negotiation;
  const auto request = packet(gssenc_code);
  ASSERT_EQ(negotiation.consume(as_bytes(request)).what, kind::complete);
  EXPECT_EQ(negotiation.consume({}).what, kind::needs_more);
  EXPECT_EQ(negotiation.consume(as_bytes("x")).error, errc::unencrypted_data_after_gssenc_request);
}

TEST(StartupNegotiation, JudgesTheLengthByItsFourBytes) {
  for (const auto length : hostile_lengths) {
    SCOPED_TRACE(length);
    const auto step = startup_negotiation{}.consume(as_bytes(int32(length)));
    if (length >= 8 && length <= 10'004) {
      EXPECT_EQ(step.what, kind::needs_more);
      EXPECT_EQ(step.bytes_missing, length - 4);
    } else {
      EXPECT_EQ(step.error, errc::invalid_length);
    }
  }
}

TEST(StartupNegotiation, DoesNotWaitForMoreOfWhatOnlyBeginsLikeTls) {
  EXPECT_EQ(startup_negotiation{}.consume(as_bytes("\x16\x02")).error, errc::malformed_tls_record);
  const auto no_hello = std::string("\x16\x03\x01\x40\x00\x02", 6);
  EXPECT_EQ(startup_negotiation{}.consume(as_bytes(no_hello)).error, errc::malformed_tls_record);
}

TEST(StartupNegotiation, GivesPostgresqlsReasonAndNoneForASilentClose) {
  EXPECT_EQ(reason_of(after({}, packet(2U << 16))),
            "unsupported frontend protocol 2.0: server supports 3.0 to 3.2");
  EXPECT_EQ(reason_of(after({}, startup({"user", ""}))),
            "no PostgreSQL user name specified in startup packet");
  EXPECT_EQ(reason_of(after({}, int32(3))), "");
}

}  // namespace
}  // namespace pgsteer::pgwire
