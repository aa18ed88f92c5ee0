#pragma once
// Reads what pgsteer needs to know of a whole StartupMessage; everything else in it is passed on untouched.
//
// Pure; the parsed form views into the packet and lives no longer. Any thread.
//
// Layout (protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-STARTUPMESSAGE):
//   Int32 length | Int32 protocol | { String name | String value }* | 0
#include <string_view>

#include "pgsteer/base/bytes.hpp"
#include "pgsteer/base/result.hpp"

namespace pgsteer::pgwire {

struct startup_message {
  std::string_view user;              // never empty
  std::string_view database;          // the user's name if the client gave none
  std::string_view application_name;  // as libpq sends it, its fallback too; empty: none
};

// packet: exactly one StartupMessage. A name given twice counts the last time, as in PostgreSQL.
// Errors: errc::invalid_length (also: length word differs from the packet's size), unsupported_protocol,
// missing_terminator, no_user.
[[nodiscard]] result<startup_message> parse_startup_message(byte_span packet) noexcept;

}  // namespace pgsteer::pgwire
