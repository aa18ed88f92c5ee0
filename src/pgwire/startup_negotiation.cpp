#include "pgsteer/pgwire/startup_negotiation.hpp"

#include "pgsteer/base/assert.hpp"
#include "pgsteer/pgwire/cancel_key.hpp"
#include "pgsteer/pgwire/errc.hpp"
#include "pgsteer/pgwire/startup_message.hpp"
#include "wire.hpp"

namespace pgsteer::pgwire {
namespace {

// A TLS record: Byte1 content type | UInt16 version | UInt16 length | fragment -- RFC 8446 section 5.1.
constexpr std::uint8_t tls_handshake = 0x16;
constexpr std::uint8_t tls_version_major = 0x03;  // SSL 3.0 to TLS 1.3 all say 3 here
constexpr std::uint8_t tls_client_hello = 0x01;
constexpr std::size_t tls_header_bytes = 5;

startup_step needs_more(std::size_t bytes_missing) noexcept {
  startup_step step;
  step.what = startup_step::kind::needs_more;
  step.bytes_missing = bytes_missing;
  return step;
}

startup_step invalid(errc fault, std::uint32_t protocol = 0) noexcept {
  startup_step step;
  step.what = startup_step::kind::invalid;
  step.error = fault;
  step.protocol = protocol;
  return step;
}

startup_step complete(packet_kind kind, byte_span packet, std::size_t bytes_behind) noexcept {
  startup_step step;
  step.what = startup_step::kind::complete;
  step.packet = kind;
  step.bytes = packet;
  step.bytes_behind = bytes_behind;
  return step;
}

errc data_behind(packet_kind request) noexcept {
  return request == packet_kind::ssl_request ? errc::unencrypted_data_after_ssl_request
                                             : errc::unencrypted_data_after_gssenc_request;
}

// Each byte is judged as soon as it is there, so that what only begins like TLS is not waited for.
startup_step consume_tls_record(byte_span bytes) noexcept {
  if (bytes.size() > 1 && bytes[1] != tls_version_major) return invalid(errc::malformed_tls_record);
  if (bytes.size() < tls_header_bytes) return needs_more(tls_header_bytes - bytes.size());

  const auto fragment_bytes = std::size_t{bytes[3]} << 8 | bytes[4];
  const auto record_bytes = tls_header_bytes + fragment_bytes;
  if (fragment_bytes == 0 || record_bytes > tls_record_bytes_max) return invalid(errc::malformed_tls_record);
  if (bytes.size() > tls_header_bytes && bytes[tls_header_bytes] != tls_client_hello) {
    return invalid(errc::malformed_tls_record);
  }
  if (bytes.size() < record_bytes) return needs_more(record_bytes - bytes.size());
  return complete(packet_kind::direct_tls, bytes.first(record_bytes), bytes.size() - record_bytes);
}

startup_step judge_cancel_request(byte_span packet, std::size_t bytes_behind) noexcept {
  if (packet.size() < cancel_request_bytes_min || packet.size() > cancel_request_bytes_max) {
    return invalid(errc::invalid_cancel_length, cancel_request_code);
  }
  if (bytes_behind > 0) return invalid(errc::data_after_cancel_request, cancel_request_code);
  auto step = complete(packet_kind::cancel_request, packet, 0);
  step.protocol = cancel_request_code;
  return step;
}

startup_step judge_startup_message(byte_span packet, std::size_t bytes_behind) noexcept {
  const auto protocol = read_int32(packet, int32_bytes);
  if (const auto message = parse_startup_message(packet); message.has_error()) {
    auto step = invalid(errc::invalid_length, protocol);
    step.error = message.error();
    return step;
  }
  auto step = complete(packet_kind::startup_message, packet, bytes_behind);
  step.protocol = protocol;
  return step;
}

}  // namespace

startup_step startup_negotiation::consume(byte_span bytes) noexcept {
  if (is_reply_due_ && !bytes.empty()) return invalid(data_behind(last_request_));
  if (is_first_packet_ && !bytes.empty() && bytes[0] == tls_handshake) {
    auto step = consume_tls_record(bytes);
    if (step.what == startup_step::kind::complete) is_first_packet_ = false;
    return step;
  }
  if (bytes.size() < int32_bytes) return needs_more(int32_bytes - bytes.size());

  const auto length = read_int32(bytes, 0);
  if (length < startup_packet_bytes_min || length > startup_packet_bytes_max)
    return invalid(errc::invalid_length);
  if (bytes.size() < length) return needs_more(length - bytes.size());
  is_first_packet_ = false;
  return judge(bytes.first(length), bytes.size() - length);
}

startup_step startup_negotiation::judge(byte_span packet, std::size_t bytes_behind) noexcept {
  // An SSLRequest or GSSENCRequest may be longer than its 8 bytes: PostgreSQL looks at the code alone.
  const auto code = read_int32(packet, int32_bytes);
  if (code == cancel_request_code) return judge_cancel_request(packet, bytes_behind);
  if (code == ssl_request_code && !is_ssl_done_) {
    return judge_request(packet_kind::ssl_request, packet, bytes_behind);
  }
  if (code == gssenc_request_code && !is_gssenc_done_) {
    return judge_request(packet_kind::gssenc_request, packet, bytes_behind);
  }
  return judge_startup_message(packet, bytes_behind);
}

startup_step startup_negotiation::judge_request(packet_kind kind, byte_span packet,
                                                std::size_t bytes_behind) noexcept {
  // CVE-2021-23214: what came before the encryption began must never be taken for what came inside it.
  const auto code = read_int32(packet, int32_bytes);
  if (bytes_behind > 0) return invalid(data_behind(kind), code);
  last_request_ = kind;
  is_reply_due_ = true;
  auto step = complete(kind, packet, 0);
  step.protocol = code;
  return step;
}

void startup_negotiation::replied(char reply) noexcept {
  PGSTEER_ASSERT(is_reply_due_);
  is_reply_due_ = false;
  const bool is_rejected = reply == 'N';
  if (last_request_ == packet_kind::ssl_request || !is_rejected) is_ssl_done_ = true;
  if (last_request_ == packet_kind::gssenc_request || !is_rejected) is_gssenc_done_ = true;
}

std::string reason_of(const startup_step& invalid) {
  if (invalid.error == errc::unsupported_protocol) {
    return "unsupported frontend protocol " + std::to_string(protocol_major(invalid.protocol)) + "." +
           std::to_string(protocol_minor(invalid.protocol)) + ": server supports 3.0 to 3.2";
  }
  return std::string(verdict_of(invalid.error).message);
}

}  // namespace pgsteer::pgwire
