#pragma once
// last_tls_record: what the TLS record at the end of encrypted bytes may hold, as far as its header tells.
//
// Pure; nothing is decrypted. An alert is its sender's last word, close_notify mostly (RFC 8446 section 6.1),
// and Terminate is one of the messages of five bytes. Until TLS 1.2 the header says what is an alert; in
// TLS 1.3 its two bytes are told by their number alone, and data whose last record happens to have two bytes
// is taken for one, too. So neither proves anything by itself: see relay/goodbye.hpp.
//
// Layout of a record (RFC 8446 section 5.2, RFC 5246 section 6.2): Byte1 type | UInt16 version | UInt16
// length | fragment. What it holds grows by what the cipher adds; a header has to stand just so far from the
// end.
#include <array>
#include <cstddef>
#include <cstdint>

#include "pgsteer/base/bytes.hpp"

namespace pgsteer::relay {

enum class tls_content : std::uint8_t { other, five_bytes, alert };

struct tls_record {
  tls_content what = tls_content::other;
  // By which ciphers it is that: records of both sides agree in it. The same length means something else by
  // others: COMMIT in TLS 1.3 is as long as five bytes are by AES-GCM in TLS 1.2.
  std::uint8_t ciphers = 0;
  std::size_t bytes = 0;  // with its header; 0 for other
  bool is_sure = false;   // the header says that it is an alert
};

[[nodiscard]] inline tls_record last_tls_record(byte_span bytes) noexcept {
  constexpr std::size_t header_bytes = 5;
  constexpr std::uint8_t alert = 21;
  constexpr std::uint8_t data = 23;
  struct known_ciphers {
    std::uint8_t alert_type;
    std::uint8_t alert_length;
    std::uint8_t five_bytes_length;
  };
  // 1. TLS 1.3: the content, its type, a tag of 16.
  // 2. TLS 1.2, AES-GCM: an explicit nonce of 8, the content, a tag of 16.
  // 3. ChaCha20-Poly1305: the content, a tag of 16.
  // 4. to 6. AES-CBC with SHA-1, SHA-256, SHA-384: an IV of 16, then content, MAC and padding in blocks
  // of 16.
  // 7. SHA-1 with encrypt-then-MAC (RFC 7366); SHA-256 and SHA-384 are as long with it as without.
  // By AES-CBC all that fits into the same block looks like five bytes: up to 11 with SHA-1, else up to 15.
  constexpr std::array<known_ciphers, 7> known{{
      {data, 2 + 17, 5 + 17},
      {alert, 8 + 2 + 16, 8 + 5 + 16},
      {alert, 2 + 16, 5 + 16},
      {alert, 48, 48},
      {alert, 64, 64},
      {alert, 80, 80},
      {alert, 52, 52},
  }};
  for (std::uint8_t i = 0; i < known.size(); ++i) {
    for (const bool is_alert : {true, false}) {
      const std::uint8_t type = is_alert ? known[i].alert_type : data;
      const std::uint8_t length = is_alert ? known[i].alert_length : known[i].five_bytes_length;
      const std::size_t record_bytes = header_bytes + length;
      if (bytes.size() < record_bytes) continue;
      const byte_span record = bytes.last(record_bytes);
      if (record[0] == type && record[1] == 3 && record[3] == 0 && record[4] == length)
        return {is_alert ? tls_content::alert : tls_content::five_bytes, i, record_bytes, type == alert};
    }
  }
  return {};
}

}  // namespace pgsteer::relay
