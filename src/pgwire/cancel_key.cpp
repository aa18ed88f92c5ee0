#include "pgsteer/pgwire/cancel_key.hpp"

#include <string_view>

#include "pgsteer/pgwire/errc.hpp"
#include "wire.hpp"

namespace pgsteer::pgwire {

// Int32 length | Int32 80877102 | Int32 pid | Byte[n] secret
// -- protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-CANCELREQUEST
result<cancel_key> parse_cancel_request(byte_span packet) {
  if (packet.size() < cancel_request_bytes_min || packet.size() > cancel_request_bytes_max) {
    return errc::invalid_cancel_length;
  }
  if (read_int32(packet, 0) != packet.size()) return errc::invalid_cancel_length;
  if (read_int32(packet, int32_bytes) != cancel_request_code) return errc::not_this_packet;
  return cancel_key{read_int32(packet, 2 * int32_bytes),
                    std::string(as_text(packet.subspan(3 * int32_bytes)))};
}

std::string make_cancel_request(const cancel_key& key) {
  std::string packet;
  append_int32(packet, static_cast<std::uint32_t>(3 * int32_bytes + key.secret.size()));
  append_int32(packet, cancel_request_code);
  append_int32(packet, key.pid);
  return packet += key.secret;
}

}  // namespace pgsteer::pgwire

std::size_t std::hash<pgsteer::pgwire::cancel_key>::operator()(
    const pgsteer::pgwire::cancel_key& key) const noexcept {
  // The secret is random by itself; the pid only separates the 4-byte keys of different processes. The factor
  // is 2^64 divided by the golden ratio (Knuth's multiplicative hash).
  return std::hash<std::string_view>{}(key.secret) ^ (key.pid * std::size_t{0x9e3779b97f4a7c15});
}
