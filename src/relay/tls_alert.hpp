#pragma once
// tls_alert_at_end: the TLS record at the end of encrypted bytes, if it is an alert.
//
// Pure. An alert is its sender's last word, close_notify mostly (RFC 8446 section 6.1). Nothing is decrypted:
// until TLS 1.2 the record's header says what it is, and in TLS 1.3 no record of PostgreSQL's protocol is as
// short, since its shortest message has five bytes.
//
// Layout of a record (RFC 8446 section 5.2, RFC 5246 section 6.2): Byte1 type | UInt16 version | UInt16
// length | fragment. An alert's two bytes grow by what the cipher adds; a header has to stand just so far
// from the end.
#include <array>
#include <cstddef>
#include <cstdint>

#include "pgsteer/base/bytes.hpp"

namespace pgsteer::relay {

// How many bytes it has; 0 if there is none.
[[nodiscard]] inline std::size_t tls_alert_at_end(byte_span bytes) noexcept {
  constexpr std::size_t header_bytes = 5;
  struct alert_record {
    std::uint8_t type;
    std::uint8_t length;
  };
  constexpr std::array<alert_record, 7> alerts{{
      {23, 19},  // TLS 1.3: the alert, its type, a tag of 16
      {21, 26},  // TLS 1.2, AES-GCM: an explicit nonce of 8, the alert, a tag of 16
      {21, 18},  // ChaCha20-Poly1305
      {21, 48},  // AES-CBC with SHA-1: IV, then alert, MAC and padding in blocks of 16
      {21, 64},  // with SHA-256; the next three with encrypt-then-MAC (RFC 7366): SHA-1, SHA-256, SHA-384
      {21, 52},
      {21, 80},  // also SHA-384 without
  }};
  for (const alert_record& alert : alerts) {
    const std::size_t record_bytes = header_bytes + alert.length;
    if (bytes.size() < record_bytes) continue;
    const byte_span record = bytes.last(record_bytes);
    if (record[0] == alert.type && record[1] == 3 && record[3] == 0 && record[4] == alert.length)
      return record_bytes;
  }
  return 0;
}

}  // namespace pgsteer::relay
