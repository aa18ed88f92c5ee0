#include "pgsteer/pgwire/first_answer.hpp"

#include "wire.hpp"

namespace pgsteer::pgwire {
namespace {

constexpr std::size_t header_bytes = 1 + int32_bytes;

enum class message_extent { cut_off, whole, too_long_or_malformed };

struct framed_message {
  message_extent extent = message_extent::cut_off;
  byte_span bytes{};  // whole
};

// The message at the front of bytes, of which at most bytes_max may be waited for.
framed_message frame(byte_span bytes, std::size_t bytes_max) noexcept {
  if (bytes.size() < header_bytes) return {};
  const auto length = read_int32(bytes, 1);
  if (length < int32_bytes || length >= bytes_max) return {message_extent::too_long_or_malformed, {}};
  if (bytes.size() < 1 + std::size_t{length}) return {};
  return {message_extent::whole, bytes.first(1 + std::size_t{length})};
}

// Backends that cannot fork answer 'E' and bare text (report_fork_failure_to_client() in postmaster.c); libpq
// reads it, so it is the client's to read.
first_answer read_refusal(const framed_message& message) noexcept {
  if (message.extent == message_extent::cut_off) return {first_answer_kind::needs_more, {}};
  if (message.extent == message_extent::too_long_or_malformed) return {first_answer_kind::other, {}};
  const auto fields = parse_error_response(message.bytes);
  if (fields.has_error()) return {first_answer_kind::other, {}};
  return {first_answer_kind::error_response, *fields};
}

constexpr std::uint32_t authentication_ok = 0;

bool is_authentication_ok(const framed_message& message) noexcept {
  return message.extent == message_extent::whole && message.bytes.size() == header_bytes + int32_bytes &&
         read_int32(message.bytes, header_bytes) == authentication_ok;
}

// AuthenticationOk waits in PostgreSQL's buffer for what comes next (sendAuthRequest() in auth.c): a backend
// that is stopped meanwhile flushes it together with its FATAL. Nothing is waited for here.
first_answer read_behind_authentication(byte_span rest) noexcept {
  while (!rest.empty()) {
    const auto message = frame(rest, first_answer_bytes_max);
    if (message.extent != message_extent::whole) break;
    const char type = static_cast<char>(rest[0]);
    if (type == 'E') return read_refusal(message);
    if (type != 'S' && type != 'K' && type != 'N') break;
    rest = rest.subspan(message.bytes.size());
  }
  return {first_answer_kind::other, {}};
}

}  // namespace

first_answer read_first_answer(byte_span bytes) noexcept {
  auto rest = bytes;
  while (!rest.empty()) {
    const auto message = frame(rest, first_answer_bytes_max - (bytes.size() - rest.size()));
    switch (static_cast<char>(rest[0])) {
      case 'E':
        return read_refusal(message);
      case 'R':  // Authentication*
        if (!is_authentication_ok(message)) return {first_answer_kind::other, {}};
        return read_behind_authentication(rest.subspan(message.bytes.size()));
      case 'N':  // NoticeResponse
        return {first_answer_kind::other, {}};
      case 'v':  // NegotiateProtocolVersion: the verdict follows it in the same flush
        if (message.extent == message_extent::cut_off) return {first_answer_kind::needs_more, {}};
        if (message.extent != message_extent::whole) return {first_answer_kind::other, {}};
        rest = rest.subspan(message.bytes.size());
        break;
      default:
        return {first_answer_kind::not_postgresql, {}};
    }
  }
  return {first_answer_kind::needs_more, {}};
}

bool is_retryable_elsewhere(std::string_view sqlstate) noexcept {
  return sqlstate == "57P03" || sqlstate == "53300" || sqlstate == "57P01" || sqlstate == "57P02";
}

}  // namespace pgsteer::pgwire
