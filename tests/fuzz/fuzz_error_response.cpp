// Reads one ErrorResponse, and writes one from what it read: reading that again must give the same fields.
#include <cstddef>
#include <cstdint>
#include <string>

#include "pgsteer/base/assert.hpp"
#include "pgsteer/pgwire/error_response.hpp"

namespace pgsteer::pgwire {
namespace {

void read(byte_span message) {
  const auto fields = parse_error_response(message);
  if (fields.has_error()) return;
  const auto written = error_response(fields->severity, fields->sqlstate, fields->message);
  const auto again = parse_error_response(as_bytes(written));
  PGSTEER_ASSERT(again.has_value());
  PGSTEER_ASSERT(again->severity == fields->severity);
  PGSTEER_ASSERT(again->sqlstate == fields->sqlstate);
  PGSTEER_ASSERT(again->message == fields->message);
}

}  // namespace
}  // namespace pgsteer::pgwire

// Read as it is, with its length word made true, and as the text of all three arguments of the writer.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pgsteer;
  const auto text = as_text({data, size});
  pgwire::read({data, size});
  PGSTEER_ASSERT(
      pgwire::parse_error_response(as_bytes(pgwire::error_response(text, text, text))).has_value());
  if (size < 5) return 0;
  std::string repaired(text);
  for (std::size_t i = 0; i < 4; ++i)
    repaired[1 + i] = static_cast<char>(((size - 1) >> (24 - 8 * i)) & 0xff);
  pgwire::read(as_bytes(repaired));
  return 0;
}
