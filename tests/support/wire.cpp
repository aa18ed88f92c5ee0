#include "support/wire.hpp"

namespace pgsteer::test::wire {

namespace {

constexpr std::uint32_t type_oid_text = 25;  // src/include/catalog/pg_type.dat

std::string zero_terminated(std::string_view text) {
  return std::string(text) + '\0';
}

}  // namespace

std::string int16(std::uint16_t value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xFF)};
}

std::string int32(std::uint32_t value) {
  return int16(static_cast<std::uint16_t>(value >> 16)) + int16(static_cast<std::uint16_t>(value & 0xFFFF));
}

std::uint16_t read_int16(std::string_view bytes, std::size_t offset) {
  if (bytes.size() < offset + 2) return 0;
  const auto high = static_cast<std::uint8_t>(bytes[offset]);
  const auto low = static_cast<std::uint8_t>(bytes[offset + 1]);
  return static_cast<std::uint16_t>((high << 8) | low);
}

std::uint32_t read_int32(std::string_view bytes, std::size_t offset) {
  if (bytes.size() < offset + 4) return 0;
  return (static_cast<std::uint32_t>(read_int16(bytes, offset)) << 16) | read_int16(bytes, offset + 2);
}

std::string read_text(std::string_view bytes, std::size_t& offset) {
  if (offset >= bytes.size()) return {};
  const std::size_t end = std::min(bytes.find('\0', offset), bytes.size());
  std::string text(bytes.substr(offset, end - offset));
  offset = end + 1;
  return text;
}

std::string startup_packet(std::uint32_t code, std::string_view rest) {
  return int32(static_cast<std::uint32_t>(rest.size() + 8)) + int32(code) + std::string(rest);
}

std::string startup_message(const parameters& values, std::uint32_t version) {
  std::string body;
  for (const auto& [name, value] : values) body += zero_terminated(name) + zero_terminated(value);
  return startup_packet(version, body + '\0');
}

std::string ssl_request() {
  return startup_packet(ssl_request_code, {});
}
std::string gssenc_request() {
  return startup_packet(gssenc_request_code, {});
}

std::string cancel_request(std::uint32_t pid, std::string_view key) {
  return startup_packet(cancel_request_code, int32(pid) + std::string(key));
}

std::string typed(char type, std::string_view body) {
  return type + int32(static_cast<std::uint32_t>(body.size() + 4)) + std::string(body);
}

std::string query(std::string_view text) {
  return typed('Q', zero_terminated(text));
}
std::string terminate() {
  return typed('X', {});
}
std::string authentication_ok() {
  return typed('R', int32(0));
}

std::string parameter_status(std::string_view name, std::string_view value) {
  return typed('S', zero_terminated(name) + zero_terminated(value));
}

std::string backend_key_data(std::uint32_t pid, std::string_view key) {
  return typed('K', int32(pid) + std::string(key));
}

std::string ready_for_query(char status) {
  return typed('Z', std::string_view(&status, 1));
}
std::string command_complete(std::string_view tag) {
  return typed('C', zero_terminated(tag));
}

std::string error_response(const error_fields& fields) {
  std::string body;
  body += 'S' + zero_terminated(fields.severity);
  body += 'V' + zero_terminated(fields.severity);
  body += 'C' + zero_terminated(fields.sqlstate);
  body += 'M' + zero_terminated(fields.message);
  return typed('E', body + '\0');
}

std::string row_description(const std::vector<std::string>& names) {
  std::string body = int16(static_cast<std::uint16_t>(names.size()));
  for (const std::string& name : names) {
    // Int32 table | Int16 column | Int32 type | Int16 type size | Int32 type modifier | Int16 format
    body += zero_terminated(name) + int32(0) + int16(0) + int32(type_oid_text) + int16(0xFFFF) +
            int32(0xFFFFFFFF) + int16(0);
  }
  return typed('T', body);
}

std::string data_row(const row& values) {
  std::string body = int16(static_cast<std::uint16_t>(values.size()));
  for (const auto& value : values) {
    body += value ? int32(static_cast<std::uint32_t>(value->size())) + *value : int32(0xFFFFFFFF);
  }
  return typed('D', body);
}

parameters parse_parameters(std::string_view startup_body) {
  parameters values;
  std::size_t offset = 0;
  while (offset < startup_body.size() && startup_body[offset] != '\0') {
    std::string name = read_text(startup_body, offset);
    std::string value = read_text(startup_body, offset);
    values.emplace_back(std::move(name), std::move(value));
  }
  return values;
}

error_fields parse_error(std::string_view body) {
  error_fields fields;
  std::size_t offset = 0;
  while (offset < body.size() && body[offset] != '\0') {
    const char code = body[offset++];
    const std::string text = read_text(body, offset);
    if (code == 'S') fields.severity = text;
    if (code == 'C') fields.sqlstate = text;
    if (code == 'M') fields.message = text;
  }
  return fields;
}

row parse_data_row(std::string_view body) {
  row values;
  std::size_t offset = 2;
  for (std::uint16_t i = 0; i < read_int16(body, 0); ++i) {
    const std::uint32_t length = read_int32(body, offset);
    offset += 4;
    if (length == 0xFFFFFFFF) {
      values.emplace_back();
    } else {
      values.emplace_back(std::string(body.substr(std::min(offset, body.size()), length)));
      offset += length;
    }
  }
  return values;
}

}  // namespace pgsteer::test::wire
