#pragma once
// The fields of an ErrorResponse's body, whole or cut off.
//
// Private to pgwire: shared by the parser of whole messages and by login_watch, which keeps only the front of
// one. Pure; any thread.
//
// Layout: { Byte1 type | String value }* | 0 -- protocol-error-fields.html
#include "pgsteer/base/bytes.hpp"
#include "pgsteer/pgwire/error_response.hpp"

namespace pgsteer::pgwire {

struct error_body {
  error_fields fields;    // what was found before the end or the cut; views into the body
  bool is_whole = false;  // the terminator was the last byte
};

[[nodiscard]] error_body read_error_body(byte_span body) noexcept;

}  // namespace pgsteer::pgwire
