#pragma once
// ErrorResponse to and from bytes.
//
// Not a store of errors and not our own errors: this is what travels between PostgreSQL and its clients.
// Pure; any thread.
//
// Layout (protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-ERRORRESPONSE, field types in
// protocol-error-fields.html): 'E' | Int32 length | { Byte1 type | String value }* | 0
#include <string>
#include <string_view>

#include "pgsteer/base/bytes.hpp"
#include "pgsteer/base/result.hpp"

namespace pgsteer::pgwire {

// The wire bytes of an ErrorResponse with the fields S, V, C and M. A zero byte in an argument ends it there.
[[nodiscard]] std::string error_response(std::string_view severity, std::string_view sqlstate,
                                         std::string_view message);

// Views into the message. A field the sender left out is empty.
struct error_fields {
  std::string_view severity;  // V, which is never translated; S from PostgreSQL before 9.6
  std::string_view sqlstate;
  std::string_view message;  // the peer's text: escape it before showing it
};

// message: one whole ErrorResponse with its type byte and length.
// Errors: errc::not_this_packet, errc::malformed_error_response.
[[nodiscard]] result<error_fields> parse_error_response(byte_span message) noexcept;

}  // namespace pgsteer::pgwire
