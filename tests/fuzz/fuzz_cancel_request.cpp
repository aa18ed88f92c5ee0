// Reads one CancelRequest; what it accepts must be written back byte for byte.
#include <cstddef>
#include <cstdint>
#include <string>

#include "pgsteer/base/assert.hpp"
#include "pgsteer/pgwire/cancel_key.hpp"
#include "unit/pgwire/wire_bytes.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pgsteer;
  const byte_span packet{data, size};
  const auto key = pgwire::parse_cancel_request(packet);
  if (key.has_value()) PGSTEER_ASSERT(pgwire::test::cancel_request(*key) == as_text(packet));
  return 0;
}
