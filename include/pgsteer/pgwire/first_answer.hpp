#pragma once
// Decides from a backend's first bytes after a StartupMessage whether it refuses the login at once.
//
// Such a login may be retried on another backend without the client noticing: nothing was sent to it yet.
// Pure and stateless; not thread-bound.
//
// Flow:
//   needs_more     -> read more, call again with all bytes so far (bounded by first_answer_bytes_max)
//   error_response -> is_retryable_elsewhere(fields.sqlstate) ? another backend : relay the bytes
//   other          -> relay the bytes; the login goes on
//   not_postgresql -> relay nothing; the backend is no PostgreSQL
#include <cstddef>
#include <string_view>

#include "pgsteer/base/bytes.hpp"
#include "pgsteer/pgwire/error_response.hpp"

namespace pgsteer::pgwire {

// PostgreSQL's refusals are a few hundred bytes; what is longer is the client's to read, not ours to keep.
inline constexpr std::size_t first_answer_bytes_max = 8 * 1024;

enum class first_answer_kind { needs_more, error_response, other, not_postgresql };

struct first_answer {
  first_answer_kind kind = first_answer_kind::needs_more;
  error_fields fields{};  // error_response: views into the bytes given
};

// bytes: all the backend sent so far. A NegotiateProtocolVersion before the verdict is skipped: PostgreSQL
// sends it ahead of a refusal when the client asked for a newer minor version. A refusal that came in the
// same bytes as AuthenticationOk is one too.
[[nodiscard]] first_answer read_first_answer(byte_span bytes) noexcept;

// True for what is one backend's trouble and not the login's: 57P03 (cannot_connect_now), 53300
// (too_many_connections), 57P01 (admin_shutdown) and 57P02 (crash_shutdown).
[[nodiscard]] bool is_retryable_elsewhere(std::string_view sqlstate) noexcept;

}  // namespace pgsteer::pgwire
