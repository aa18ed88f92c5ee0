#pragma once
// The few encodings every message shares: Int32 in network byte order and zero-terminated String, and the
// codes that stand where a startup packet has its protocol version.
//
// Private to pgwire. Pure; bounds are the caller's unless said otherwise.
//
// Layout: protocol-message-types.html
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "pgsteer/base/bytes.hpp"

namespace pgsteer::pgwire {

inline constexpr std::size_t int32_bytes = 4;

// PG_PROTOCOL(1234, n) in src/include/libpq/pqcomm.h; no protocol version will ever have this major.
inline constexpr std::uint32_t cancel_request_code = 80877102;
inline constexpr std::uint32_t ssl_request_code = 80877103;
inline constexpr std::uint32_t gssenc_request_code = 80877104;

inline constexpr std::uint32_t protocol_major(std::uint32_t protocol) noexcept {
  return protocol >> 16;
}
inline constexpr std::uint32_t protocol_minor(std::uint32_t protocol) noexcept {
  return protocol & 0xffff;
}
// The only major version since PostgreSQL 7.4.
inline constexpr std::uint32_t supported_protocol_major = 3;

// bytes holds at least offset + 4.
inline std::uint32_t read_int32(byte_span bytes, std::size_t offset) noexcept {
  return (std::uint32_t{bytes[offset]} << 24) | (std::uint32_t{bytes[offset + 1]} << 16) |
         (std::uint32_t{bytes[offset + 2]} << 8) | std::uint32_t{bytes[offset + 3]};
}

inline void append_int32(std::string& out, std::uint32_t value) {
  for (const unsigned shift : {24U, 16U, 8U, 0U}) out.push_back(static_cast<char>((value >> shift) & 0xff));
}

// The text from offset to the next zero byte, or to the end if there is none.
inline std::string_view string_at(std::string_view bytes, std::size_t offset) noexcept {
  const auto text = bytes.substr(offset);
  return text.substr(0, text.find('\0'));
}

}  // namespace pgsteer::pgwire
