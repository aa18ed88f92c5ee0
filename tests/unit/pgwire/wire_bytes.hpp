#pragma once
// Builds packets and messages for the tests of pgwire, well-formed or not: nothing here checks a length.
//
// Not a second implementation of the writers under test: every test spells its bytes with these.
// Single-threaded.
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "pgsteer/base/bytes.hpp"
#include "pgsteer/pgwire/cancel_key.hpp"

namespace pgsteer::pgwire::test {

inline constexpr std::uint32_t protocol_3_0 = 3U << 16;
inline constexpr std::uint32_t cancel_code = (1234U << 16) | 5678U;
inline constexpr std::uint32_t ssl_code = (1234U << 16) | 5679U;
inline constexpr std::uint32_t gssenc_code = (1234U << 16) | 5680U;

// What a length word may say to trip a reader: around every bound, and where a signed reader turns negative.
inline constexpr std::uint32_t hostile_lengths[] = {
    0, 3, 4, 5, 7, 8, 9, 10'000, 10'001, 10'003, 10'004, 10'005, 0x7fffffff, 0x80000000, 0xffff'ffff};

inline std::string int32(std::uint32_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>((value >> shift) & 0xff));
  return out;
}

inline std::string zero_terminated(std::string_view text) {
  return std::string(text) + '\0';
}

// { String }*, as in the pairs of a StartupMessage.
inline std::string strings(std::initializer_list<std::string_view> texts) {
  std::string out;
  for (const auto text : texts) out += zero_terminated(text);
  return out;
}

// A startup packet whose length word is true.
inline std::string packet(std::uint32_t code, std::string_view body = {}) {
  return int32(static_cast<std::uint32_t>(8 + body.size())) + int32(code) + std::string(body);
}

inline std::string startup(std::initializer_list<std::string_view> pairs,
                           std::uint32_t protocol = protocol_3_0) {
  return packet(protocol, zero_terminated(strings(pairs)));
}

// A StartupMessage of exactly this many bytes.
inline std::string startup_of_size(std::size_t size) {
  const auto fixed = startup({"user", "app", "options", ""}).size();
  return startup({"user", "app", "options", std::string(size - fixed, 'x')});
}

// Int32 length | Int32 80877102 | Int32 pid | Byte[n] secret
// -- protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-CANCELREQUEST
inline std::string cancel_request(const cancel_key& key) {
  return packet(cancel_code, int32(key.pid) + key.secret);
}

// A typed message whose length word is true.
inline std::string message(char type, std::string_view body) {
  return std::string(1, type) + int32(static_cast<std::uint32_t>(4 + body.size())) + std::string(body);
}

inline std::string tls_record(std::string_view fragment, char version_major = 3) {
  std::string out = {'\x16', version_major, '\x01'};
  out.push_back(static_cast<char>((fragment.size() >> 8) & 0xff));
  out.push_back(static_cast<char>(fragment.size() & 0xff));
  return out + std::string(fragment);
}

inline std::string parameter_status(std::string_view name, std::string_view value) {
  return message('S', strings({name, value}));
}

}  // namespace pgsteer::pgwire::test
