// Judges every prefix of an answer: a decision, once made, must not change when more bytes come, and must
// come within the bound. But for a refusal behind AuthenticationOk, which counts only if it came in the same
// bytes.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "pgsteer/base/assert.hpp"
#include "pgsteer/pgwire/first_answer.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pgsteer;
  using namespace pgsteer::pgwire;
  const byte_span bytes{data, size};
  const auto decided = read_first_answer(bytes).kind;
  PGSTEER_ASSERT(decided != first_answer_kind::needs_more || size < first_answer_bytes_max);
  // Prefixes of long inputs are stepped through, to keep a run short.
  const auto step = std::max<std::size_t>(1, size / 64);
  for (std::size_t cut = 0; cut < size; cut += step) {
    const auto early = read_first_answer(bytes.first(cut)).kind;
    const bool is_cut_behind_authentication =
        early == first_answer_kind::other && decided == first_answer_kind::error_response;
    PGSTEER_ASSERT(early == first_answer_kind::needs_more || early == decided ||
                   is_cut_behind_authentication);
  }
  return 0;
}
