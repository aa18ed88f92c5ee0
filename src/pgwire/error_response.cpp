#include "pgsteer/pgwire/error_response.hpp"

#include "error_body.hpp"
#include "pgsteer/pgwire/errc.hpp"
#include "wire.hpp"

namespace pgsteer::pgwire {
namespace {

constexpr std::size_t type_bytes = 1;

void append_field(std::string& out, char type, std::string_view value) {
  out.push_back(type);
  out += string_at(value, 0);
  out.push_back('\0');
}

}  // namespace

std::string error_response(std::string_view severity, std::string_view sqlstate, std::string_view message) {
  std::string body;
  append_field(body, 'S', severity);
  append_field(body, 'V', severity);
  append_field(body, 'C', sqlstate);
  append_field(body, 'M', message);
  body.push_back('\0');

  std::string out(1, 'E');
  append_int32(out, static_cast<std::uint32_t>(int32_bytes + body.size()));
  return out += body;
}

error_body read_error_body(byte_span body) noexcept {
  const auto text = as_text(body);
  error_body read;
  std::string_view translated_severity;
  std::size_t offset = 0;
  while (offset < text.size() && text[offset] != '\0') {
    const auto type = text[offset];
    const auto value = string_at(text, offset + 1);
    if (type == 'V') read.fields.severity = value;
    if (type == 'S') translated_severity = value;
    if (type == 'C') read.fields.sqlstate = value;
    if (type == 'M') read.fields.message = value;
    offset += 1 + value.size() + 1;
  }
  if (read.fields.severity.empty()) read.fields.severity = translated_severity;
  read.is_whole = offset + 1 == text.size();
  return read;
}

result<error_fields> parse_error_response(byte_span message) noexcept {
  if (message.empty() || message[0] != 'E') return errc::not_this_packet;
  if (message.size() < type_bytes + int32_bytes) return errc::malformed_error_response;
  if (read_int32(message, type_bytes) != message.size() - type_bytes) return errc::malformed_error_response;
  const auto body = read_error_body(message.subspan(type_bytes + int32_bytes));
  if (!body.is_whole) return errc::malformed_error_response;
  return body.fields;
}

}  // namespace pgsteer::pgwire
