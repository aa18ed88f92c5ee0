#include "pgsteer/pgwire/startup_message.hpp"

#include "pgsteer/pgwire/errc.hpp"
#include "pgsteer/pgwire/startup_negotiation.hpp"
#include "wire.hpp"

namespace pgsteer::pgwire {
namespace {

void take(startup_message& message, std::string_view name, std::string_view value) noexcept {
  if (name == "user") message.user = value;
  if (name == "database") message.database = value;
  if (name == "application_name") message.application_name = value;
}

// Walks the pairs exactly as ProcessStartupPacket() does; false if they do not end at the last byte. Like
// there, a single byte that is not zero passes for the terminator: the backend has the same view of the
// packet.
bool take_pairs(startup_message& message, std::string_view pairs) noexcept {
  std::size_t offset = 0;
  while (offset < pairs.size() && pairs[offset] != '\0') {
    const auto name = string_at(pairs, offset);
    const auto value_offset = offset + name.size() + 1;
    if (value_offset >= pairs.size()) break;
    const auto value = string_at(pairs, value_offset);
    take(message, name, value);
    offset = value_offset + value.size() + 1;
  }
  return offset + 1 == pairs.size();
}

}  // namespace

result<startup_message> parse_startup_message(byte_span packet) noexcept {
  if (packet.size() < startup_packet_bytes_min || packet.size() > startup_packet_bytes_max) {
    return errc::invalid_length;
  }
  if (read_int32(packet, 0) != packet.size()) return errc::invalid_length;

  const auto protocol = read_int32(packet, int32_bytes);
  if (protocol_major(protocol) != supported_protocol_major) return errc::unsupported_protocol;
  startup_message message;
  if (!take_pairs(message, as_text(packet.subspan(2 * int32_bytes)))) return errc::missing_terminator;
  if (message.user.empty()) return errc::no_user;
  if (message.database.empty()) message.database = message.user;
  return message;
}

}  // namespace pgsteer::pgwire
