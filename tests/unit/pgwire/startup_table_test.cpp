// Startup packets, each with PostgreSQL's verdict: compared by hand with ProcessStartupPacket() of 15 and 18.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "pgsteer/pgwire/errc.hpp"
#include "pgsteer/pgwire/startup_negotiation.hpp"
#include "unit/pgwire/wire_bytes.hpp"

namespace pgsteer::pgwire {
namespace {

using namespace test;
using kind = startup_step::kind;

struct startup_case {
  const char* name;
  std::string bytes;
  std::optional<packet_kind> packet;  // complete
  std::optional<errc> fault;          // invalid; neither of the two: needs more
  std::size_t bytes_behind = 0;
};

startup_case accepts(const char* name, std::string bytes, packet_kind packet, std::size_t bytes_behind = 0) {
  return {name, std::move(bytes), packet, std::nullopt, bytes_behind};
}
startup_case refuses(const char* name, std::string bytes, errc fault) {
  return {name, std::move(bytes), std::nullopt, fault};
}
startup_case waits(const char* name, std::string bytes) {
  return {name, std::move(bytes), std::nullopt, std::nullopt};
}

std::string without_last_byte(std::string bytes) {
  bytes.pop_back();
  bytes.replace(0, 4, int32(static_cast<std::uint32_t>(bytes.size())));
  return bytes;
}

std::vector<startup_case> startup_messages() {
  using enum packet_kind;
  const auto plain = startup({"user", "app", "database", "appdb"});
  return {
      accepts("user and database", plain, startup_message),
      accepts("user alone", startup({"user", "app"}), startup_message),
      accepts("empty value", startup({"user", "app", "options", ""}), startup_message),
      accepts("empty database", startup({"user", "app", "database", ""}), startup_message),
      accepts("unknown parameter", startup({"user", "app", "no_such_setting", "1"}), startup_message),
      accepts("protocol 3.2", startup({"user", "app"}, protocol_3_0 | 2), startup_message),
      accepts("protocol 3.9999", startup({"user", "app"}, protocol_3_0 | 9999), startup_message),
      accepts("protocol 3.65535", startup({"user", "app"}, protocol_3_0 | 0xffff), startup_message),
      accepts("protocol option", startup({"user", "app", "_pq_.test_protocol_negotiation", ""}),
              startup_message),
      accepts("physical replication", startup({"user", "app", "replication", "true"}), startup_message),
      accepts("logical replication", startup({"user", "app", "replication", "database"}), startup_message),
      accepts("replication without sense", startup({"user", "app", "replication", "maybe"}), startup_message),
      accepts("user twice", startup({"user", "first", "user", "second"}), startup_message),
      accepts("name of 64 bytes and more", startup({"user", std::string(100, 'u')}), startup_message),
      accepts("bytes that are not UTF-8", startup({"user", "\xff\xfe\x80"}), startup_message),
      accepts("control characters", startup({"user", "a\r\nb\x1b[31m"}), startup_message),
      accepts("quotes", startup({"user", "a'b\"c\\d;--", "database", "../../etc/passwd"}), startup_message),
      accepts("hostile options", startup({"user", "app", "options", "-c search_path=evil -r /tmp/x"}),
              startup_message),
      accepts("10,000 bytes behind the length word", startup_of_size(10'004), startup_message),
      accepts("password behind it", plain + message('p', zero_terminated("x")), startup_message, 7),
      accepts("a byte in the terminator's place", packet(protocol_3_0, strings({"user", "app"}) + "x"),
              startup_message),

      refuses("10,001 behind it", startup_of_size(10'005), errc::invalid_length),
      refuses("no pairs and no terminator", packet(protocol_3_0), errc::missing_terminator),
      refuses("no pairs", packet(protocol_3_0, zero_terminated("")), errc::no_user),
      refuses("database without user", startup({"database", "appdb"}), errc::no_user),
      refuses("empty user", startup({"user", ""}), errc::no_user),
      refuses("user unset by a second one", startup({"user", "app", "user", ""}), errc::no_user),
      refuses("User in another case", startup({"User", "app"}), errc::no_user),
      refuses("no terminator", without_last_byte(startup({"user", "app"})), errc::missing_terminator),
      refuses("value not terminated", packet(protocol_3_0, zero_terminated("user") + "app"),
              errc::missing_terminator),
      refuses("name without value", packet(protocol_3_0, strings({"user", "app", "options"})),
              errc::missing_terminator),
      refuses("name not terminated", packet(protocol_3_0, strings({"user", "app"}) + "options"),
              errc::missing_terminator),
      refuses("terminator too early",
              packet(protocol_3_0, startup({"user", "app"}).substr(8) + strings({"x", "y"})),
              errc::missing_terminator),
      refuses("two terminators", packet(protocol_3_0, strings({"user", "app", "", ""})),
              errc::missing_terminator),
      refuses("empty name first", packet(protocol_3_0, strings({"", "user", "app"}) + '\0'),
              errc::missing_terminator),
      refuses("no terminator and no user", packet(protocol_3_0, strings({"database", "x"})),
              errc::missing_terminator),
  };
}

std::vector<startup_case> versions() {
  const auto pairs = zero_terminated(strings({"user", "app"}));
  return {
      refuses("protocol 0.0", packet(0, pairs), errc::unsupported_protocol),
      refuses("protocol 1.0", packet(1U << 16, pairs), errc::unsupported_protocol),
      refuses("protocol 2.0", packet(2U << 16, pairs), errc::unsupported_protocol),
      refuses("protocol 2.0 with an empty body", packet(2U << 16), errc::unsupported_protocol),
      refuses("protocol 4.0", packet(4U << 16, pairs), errc::unsupported_protocol),
      refuses("protocol 65535.65535", packet(0xffff'ffff, pairs), errc::unsupported_protocol),
      refuses("request code 5677", packet(cancel_code - 1, pairs), errc::unsupported_protocol),
      refuses("request code 5681", packet(gssenc_code + 1, pairs), errc::unsupported_protocol),
  };
}

std::vector<startup_case> requests() {
  using enum packet_kind;
  const auto plain = startup({"user", "app"});
  const auto cancel = packet(cancel_code, int32(42) + int32(7));
  return {
      accepts("SSLRequest", packet(ssl_code), ssl_request),
      accepts("SSLRequest with a body", packet(ssl_code, "whatever"), ssl_request),
      accepts("GSSENCRequest", packet(gssenc_code), gssenc_request),
      accepts("GSSENCRequest with a body", packet(gssenc_code, "x"), gssenc_request),
      refuses("byte behind SSLRequest", packet(ssl_code) + "x", errc::unencrypted_data_after_ssl_request),
      refuses("StartupMessage behind SSLRequest", packet(ssl_code) + plain,
              errc::unencrypted_data_after_ssl_request),
      refuses("ClientHello behind SSLRequest", packet(ssl_code) + tls_record("\x01 hello"),
              errc::unencrypted_data_after_ssl_request),
      refuses("byte behind GSSENCRequest", packet(gssenc_code) + "x",
              errc::unencrypted_data_after_gssenc_request),
      refuses("SSLRequest behind GSSENCRequest", packet(gssenc_code) + packet(ssl_code),
              errc::unencrypted_data_after_gssenc_request),

      accepts("CancelRequest", cancel, cancel_request),
      accepts("CancelRequest of pid 0", packet(cancel_code, int32(0) + int32(7)), cancel_request),
      accepts("CancelRequest with a key of 5", packet(cancel_code, int32(42) + "12345"), cancel_request),
      accepts("CancelRequest with a key of 32", packet(cancel_code, int32(42) + std::string(32, 'k')),
              cancel_request),
      accepts("CancelRequest with a key of 256", packet(cancel_code, int32(42) + std::string(256, '\0')),
              cancel_request),
      refuses("CancelRequest with a key of 257", packet(cancel_code, int32(42) + std::string(257, 'k')),
              errc::invalid_cancel_length),
      refuses("CancelRequest with a key of 3", packet(cancel_code, int32(42) + "123"),
              errc::invalid_cancel_length),
      refuses("CancelRequest without key", packet(cancel_code, int32(42)), errc::invalid_cancel_length),
      refuses("CancelRequest without pid", packet(cancel_code), errc::invalid_cancel_length),
      refuses("byte behind CancelRequest", cancel + "x", errc::data_after_cancel_request),
      refuses("CancelRequest twice", cancel + cancel, errc::data_after_cancel_request),
  };
}

std::vector<startup_case> strangers() {
  using enum packet_kind;
  const auto hello = std::string("\x01\x00\x00\x02\x03\x03", 6);
  return {
      accepts("direct TLS", tls_record(hello), direct_tls),
      accepts("direct TLS, more behind it", tls_record(hello) + "more", direct_tls, 4),
      accepts("direct TLS, hello over two records", tls_record(hello.substr(0, 1)), direct_tls),
      accepts("direct TLS, largest record", tls_record("\x01" + std::string(16'384 + 255, 'h')), direct_tls),
      refuses("direct TLS, record too large", tls_record("\x01" + std::string(16'384 + 256, 'h')),
              errc::malformed_tls_record),
      refuses("direct TLS, record of nothing", tls_record(""), errc::malformed_tls_record),
      refuses("direct TLS, version 2", tls_record(hello, 2), errc::malformed_tls_record),
      refuses("direct TLS, ServerHello", tls_record("\x02 hello"), errc::malformed_tls_record),
      refuses("0x16 and text", "\x16GET /", errc::malformed_tls_record),
      refuses("TLS alert", std::string("\x15\x03\x01\x00\x02\x01\x00", 7), errc::invalid_length),
      refuses("HTTP", "GET / HTTP/1.1\r\n\r\n", errc::invalid_length),
      refuses("SSH", "SSH-2.0-OpenSSH_9.2\r\n", errc::invalid_length),
      refuses("PROXY header", "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n", errc::invalid_length),
      refuses("zeros", std::string(64, '\0'), errc::invalid_length),
      refuses("typed message", message('Q', zero_terminated("select 1")), errc::invalid_length),
      waits("nothing", ""),
      waits("half a length", std::string("\0\0", 2)),
      waits("0x16 alone", "\x16"),
      waits("length alone", int32(8)),
      waits("StartupMessage but its last byte", startup({"user", "app"}).substr(0, 17)),
  };
}

std::vector<startup_case> all_cases() {
  std::vector<startup_case> all;
  for (auto part : {startup_messages(), versions(), requests(), strangers()}) {
    for (auto& each : part) all.push_back(std::move(each));
  }
  return all;
}

void expect(const startup_case& expected, const startup_step& step) {
  if (expected.packet) {
    ASSERT_EQ(step.what, kind::complete) << step.error.message();
    EXPECT_EQ(step.packet, *expected.packet);
    EXPECT_EQ(step.bytes_behind, expected.bytes_behind);
    EXPECT_EQ(as_text(step.bytes), expected.bytes.substr(0, expected.bytes.size() - expected.bytes_behind));
  } else if (expected.fault) {
    ASSERT_EQ(step.what, kind::invalid);
    EXPECT_EQ(step.error, *expected.fault) << step.error.message();
  } else {
    ASSERT_EQ(step.what, kind::needs_more);
    EXPECT_GT(step.bytes_missing, 0U);
  }
}

TEST(StartupTable, HoldsWhenAllBytesComeAtOnce) {
  for (const auto& each : all_cases()) {
    SCOPED_TRACE(each.name);
    expect(each, startup_negotiation{}.consume(as_bytes(each.bytes)));
  }
}

// Bytes behind a packet are refused or counted only if they are there when it completes, so those cases end
// at the packet's own last byte here.
TEST(StartupTable, HoldsWhenCutAtEveryByte) {
  for (const auto& each : all_cases()) {
    if (each.bytes_behind > 0) continue;
    if (each.fault && verdict_of(*each.fault).message.starts_with("received unencrypted")) continue;
    if (each.fault == errc::data_after_cancel_request) continue;
    for (std::size_t cut = 0; cut < each.bytes.size(); ++cut) {
      SCOPED_TRACE(std::string(each.name) + " cut at " + std::to_string(cut));
      startup_negotiation negotiation;
      const auto first = negotiation.consume(as_bytes(each.bytes).first(cut));
      if (first.what != kind::needs_more) {
        ASSERT_TRUE(each.fault) << "complete before its last byte";
        expect(each, first);
        continue;
      }
      ASSERT_GT(first.bytes_missing, 0U);
      if (each.packet) {
        ASSERT_LE(first.bytes_missing, each.bytes.size() - cut);
      }
      expect(each, negotiation.consume(as_bytes(each.bytes)));
    }
  }
}

TEST(StartupTable, FollowingBytesMissingReachesTheVerdict) {
  for (const auto& each : all_cases()) {
    if (!each.packet && !each.fault) continue;
    SCOPED_TRACE(each.name);
    startup_negotiation negotiation;
    std::size_t size = 0;
    auto step = negotiation.consume({});
    for (int rounds = 0; step.what == kind::needs_more && rounds < 8; ++rounds) {
      size = std::min(size + step.bytes_missing, each.bytes.size());
      step = negotiation.consume(as_bytes(each.bytes).first(size));
    }
    ASSERT_NE(step.what, kind::needs_more);
    if (each.packet) {
      EXPECT_EQ(step.packet, *each.packet);
      EXPECT_EQ(step.bytes_behind, 0U);
    }
  }
}

}  // namespace
}  // namespace pgsteer::pgwire
