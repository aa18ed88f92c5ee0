#pragma once
// PostgreSQL messages to and from bytes, for the fakes.
//
// Not pgwire: written apart from it on purpose, so that a test never trusts the code it tests. Lenient
// readers, no limits. Layouts: protocol-message-formats.html. Free functions; any thread.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgsteer::test::wire {

inline constexpr std::uint32_t protocol_3_0 = 196'608;
inline constexpr std::uint32_t ssl_request_code = 80'877'103;
inline constexpr std::uint32_t gssenc_request_code = 80'877'104;
inline constexpr std::uint32_t cancel_request_code = 80'877'102;
// A fake takes no more than this from its socket at once.
inline constexpr std::size_t read_bytes_max = 64 * 1024;

using parameters = std::vector<std::pair<std::string, std::string>>;
using row = std::vector<std::optional<std::string>>;

struct message {
  char type = 0;
  std::string body;
};

struct error_fields {
  std::string severity;
  std::string sqlstate;
  std::string message;
};

[[nodiscard]] std::string int16(std::uint16_t value);
[[nodiscard]] std::string int32(std::uint32_t value);
// Zero if there are fewer than offset + 4 bytes.
[[nodiscard]] std::uint32_t read_int32(std::string_view bytes, std::size_t offset);
[[nodiscard]] std::uint16_t read_int16(std::string_view bytes, std::size_t offset);
// The text up to the next zero byte; moves offset behind it.
[[nodiscard]] std::string read_text(std::string_view bytes, std::size_t& offset);

// Typeless packets of a client.
[[nodiscard]] std::string startup_packet(std::uint32_t code, std::string_view rest);
[[nodiscard]] std::string startup_message(const parameters& values, std::uint32_t version = protocol_3_0);
[[nodiscard]] std::string ssl_request();
[[nodiscard]] std::string gssenc_request();
[[nodiscard]] std::string cancel_request(std::uint32_t pid, std::string_view key);

// Typed messages of either side.
[[nodiscard]] std::string typed(char type, std::string_view body);
[[nodiscard]] std::string query(std::string_view text);
[[nodiscard]] std::string terminate();
[[nodiscard]] std::string authentication_ok();
[[nodiscard]] std::string parameter_status(std::string_view name, std::string_view value);
[[nodiscard]] std::string backend_key_data(std::uint32_t pid, std::string_view key);
[[nodiscard]] std::string ready_for_query(char status);
[[nodiscard]] std::string command_complete(std::string_view tag);
[[nodiscard]] std::string error_response(const error_fields& fields);
// Every column is of type text.
[[nodiscard]] std::string row_description(const std::vector<std::string>& names);
[[nodiscard]] std::string data_row(const row& values);

[[nodiscard]] parameters parse_parameters(std::string_view startup_body);
[[nodiscard]] error_fields parse_error(std::string_view body);
[[nodiscard]] row parse_data_row(std::string_view body);

}  // namespace pgsteer::test::wire
