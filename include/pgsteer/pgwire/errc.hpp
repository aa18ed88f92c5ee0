#pragma once
// Errors of the pgwire module: what is wrong with bytes a peer sent, and what PostgreSQL itself would answer.
//
// Every fault here is the peer's; this module does no I/O and so has no faults of the environment. Any
// thread.
#include <string_view>

#include "pgsteer/base/result.hpp"

namespace pgsteer::pgwire {

enum class errc {
  invalid_length = 1,                  // client: startup packet shorter than 8 or longer than 10,004 bytes
  invalid_cancel_length,               // client: CancelRequest whose key is not 4 to 256 bytes
  unencrypted_data_after_ssl_request,  // client (or an attacker in the middle): bytes sent before our answer
  unencrypted_data_after_gssenc_request,  // the same behind a GSSENCRequest
  data_after_cancel_request,              // client: nothing may follow a CancelRequest
  malformed_tls_record,                   // client: first byte 0x16, but no TLS record with a ClientHello
  unsupported_protocol,      // client: major version is not 3, or a second SSLRequest or GSSENCRequest
  missing_terminator,        // client: StartupMessage's pairs do not end exactly at its last byte
  no_user,                   // client: StartupMessage names no user
  not_this_packet,           // us or the client: another kind of packet than the parser is for
  malformed_error_response,  // backend: ErrorResponse whose length or fields do not add up
};

[[nodiscard]] const boost::system::error_category& pgwire_category() noexcept;
[[nodiscard]] inline error_code make_error_code(errc value) noexcept {
  return {static_cast<int>(value), pgwire_category()};
}

// What PostgreSQL tells a client that commits this fault.
struct verdict {
  std::string_view sqlstate;  // empty if is_silent
  std::string_view message;   // PostgreSQL's text; static storage
  bool is_silent;             // close without a word: PostgreSQL only logs this one (COMMERROR)
};

// Any error that is not an errc of this module is silent. reason_of() in startup_negotiation.hpp adds the
// version number that PostgreSQL puts into the message of unsupported_protocol.
[[nodiscard]] verdict verdict_of(error_code error) noexcept;

}  // namespace pgsteer::pgwire

template <>
struct boost::system::is_error_code_enum<pgsteer::pgwire::errc> : std::true_type {};
