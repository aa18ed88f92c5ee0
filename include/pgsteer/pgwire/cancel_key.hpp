#pragma once
// What cancels a query: a backend process and the secret that BackendKeyData gave its client.
//
// A value that owns its secret; never log the secret. Any thread.
//
// Layout: BackendKeyData, protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-BACKENDKEYDATA
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "pgsteer/base/bytes.hpp"
#include "pgsteer/base/result.hpp"

namespace pgsteer::pgwire {

// Protocol 3.0 has keys of exactly 4 bytes, 3.2 of 4 to 256.
inline constexpr std::size_t cancel_secret_bytes_min = 4;
inline constexpr std::size_t cancel_secret_bytes_max = 256;
// Int32 length | Int32 80877102 | Int32 pid | Byte[n] secret.
inline constexpr std::size_t cancel_request_bytes_min = 12 + cancel_secret_bytes_min;
inline constexpr std::size_t cancel_request_bytes_max = 12 + cancel_secret_bytes_max;

struct cancel_key {
  std::uint32_t pid = 0;
  std::string secret;  // cancel_secret_bytes_min to cancel_secret_bytes_max bytes, any value

  friend bool operator==(const cancel_key&, const cancel_key&) = default;
};

// packet: one whole CancelRequest, as startup_negotiation completed it.
// Errors: errc::invalid_cancel_length, errc::not_this_packet.
[[nodiscard]] result<cancel_key> parse_cancel_request(byte_span packet);
// The packet that asks for it.
[[nodiscard]] std::string make_cancel_request(const cancel_key& key);

}  // namespace pgsteer::pgwire

template <>
struct std::hash<pgsteer::pgwire::cancel_key> {
  [[nodiscard]] std::size_t operator()(const pgsteer::pgwire::cancel_key& key) const noexcept;
};
