#pragma once
// Incremental reader of the typeless packets a client sends before authentication, up to its StartupMessage.
//
// Pure: no sockets, no clock, no logging; it does not answer the client, its owner does. Not thread-safe; one
// per session. As strict as ProcessStartupPacket() (src/backend/tcop/backend_startup.c) and no stricter.
//
// Flow:
//   needs_more -> read at least step.bytes_missing, call consume() again with all bytes so far
//   complete   -> step.bytes views into the same input; copy what must outlive it
//                 ssl_request, gssenc_request: answer, call replied(), then consume() the next packet
//                 cancel_request, startup_message, direct_tls: the negotiation is over
//   invalid    -> verdict_of(step.error); send it unless it is silent, and close
//
// Layout (protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-STARTUPMESSAGE):
//   Int32 length (includes itself) | Int32 code | body
// or a TLS record (RFC 8446 section 5.1): 0x16 | 0x03 xx | UInt16 length | 0x01 (ClientHello) | ...
#include <cstddef>
#include <cstdint>
#include <string>

#include "pgsteer/base/bytes.hpp"
#include "pgsteer/base/result.hpp"

namespace pgsteer::pgwire {

// Length of a startup packet, its length word included, which MAX_STARTUP_PACKET_LENGTH
// (src/include/libpq/pqcomm.h, 10,000) does not count: ProcessStartupPacket() compares what follows the word.
inline constexpr std::uint32_t startup_packet_bytes_max = 4 + 10'000;
// Length word and code: what every packet has.
inline constexpr std::uint32_t startup_packet_bytes_min = 8;
// Record header, 2^14 bytes of fragment and what TLS 1.3 allows a record to grow (RFC 8446 section 5.2).
inline constexpr std::uint32_t tls_record_bytes_max = 5 + 16'384 + 256;
// What the owner's read buffer must hold to see any legal first packet.
inline constexpr std::uint32_t first_packet_bytes_max = tls_record_bytes_max;

enum class packet_kind { startup_message, ssl_request, gssenc_request, cancel_request, direct_tls };

struct startup_step {
  enum class kind { needs_more, complete, invalid };

  kind what = kind::needs_more;
  std::size_t bytes_missing = 0;                      // needs_more: at least this many more, never 0
  packet_kind packet = packet_kind::startup_message;  // complete
  byte_span bytes{};                                  // complete: the whole packet, a view into the input
  std::size_t bytes_behind = 0;                       // complete: input behind the packet; 0 unless
                                                      // startup_message or direct_tls
  error_code error{};                                 // invalid
  std::uint32_t protocol = 0;                         // the packet's code, once it was read; 0 before
};

class startup_negotiation {
 public:
  // bytes: everything received since the last complete packet. An empty input needs more.
  // Errors: errc::invalid_length, invalid_cancel_length, unencrypted_data_after_*, data_after_cancel_request,
  // malformed_tls_record, unsupported_protocol, missing_terminator, no_user (all the client's).
  [[nodiscard]] startup_step consume(byte_span bytes) noexcept;

  // The byte that was sent to the client for the SSLRequest or GSSENCRequest just completed; once for each.
  // 'N' allows the other request next; 'S' and 'G' leave only StartupMessage and CancelRequest, inside the
  // encryption.
  void replied(char reply) noexcept;

 private:
  [[nodiscard]] startup_step judge(byte_span packet, std::size_t bytes_behind) noexcept;
  [[nodiscard]] startup_step judge_request(packet_kind kind, byte_span packet,
                                           std::size_t bytes_behind) noexcept;

  bool is_first_packet_ = true;  // direct TLS is recognised only here
  bool is_ssl_done_ = false;     // another SSLRequest is an unsupported protocol
  bool is_gssenc_done_ = false;  // the same for GSSENCRequest
  bool is_reply_due_ = false;    // no byte may arrive before the request is answered
  packet_kind last_request_ = packet_kind::ssl_request;
};

// PostgreSQL's message to the client for an invalid step: verdict_of()'s, with the client's version number in
// it where PostgreSQL says it. Empty for a silent verdict.
[[nodiscard]] std::string reason_of(const startup_step& invalid);

}  // namespace pgsteer::pgwire
