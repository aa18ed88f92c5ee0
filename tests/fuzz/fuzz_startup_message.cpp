// Reads one StartupMessage; what it accepts must lie inside the packet and have a user.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "pgsteer/base/assert.hpp"
#include "pgsteer/pgwire/startup_message.hpp"

namespace pgsteer::pgwire {
namespace {

bool is_inside(std::string_view part, byte_span packet) {
  const auto whole = as_text(packet);
  return part.empty() || (std::less_equal<>{}(whole.data(), part.data()) &&
                          std::less_equal<>{}(part.data() + part.size(), whole.data() + whole.size()));
}

void read(byte_span packet) {
  const auto message = parse_startup_message(packet);
  if (message.has_error()) return;
  PGSTEER_ASSERT(!message->user.empty() && !message->database.empty());
  for (const auto part : {message->user, message->database}) {
    PGSTEER_ASSERT(is_inside(part, packet));
    PGSTEER_ASSERT(part.find('\0') == part.npos);
  }
}

}  // namespace
}  // namespace pgsteer::pgwire

// Read as it is, and with the length word made true so that most inputs get past it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pgsteer;
  pgwire::read({data, size});
  if (size < 4) return 0;
  std::string repaired(as_text({data, size}));
  for (std::size_t i = 0; i < 4; ++i) repaired[i] = static_cast<char>((size >> (24 - 8 * i)) & 0xff);
  pgwire::read(as_bytes(repaired));
  return 0;
}
