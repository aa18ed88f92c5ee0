// Watches a login in one piece, cut in two and byte by byte: all three must end alike.
//
// Input: Byte1 options | Byte1 where to cut | bytes from the backend.
#include <cstddef>
#include <cstdint>

#include "pgsteer/base/assert.hpp"
#include "pgsteer/pgwire/login_watch.hpp"
#include "unit/pgwire/wire_bytes.hpp"

namespace pgsteer::pgwire {
namespace {

void expect_equal(const login_watch& a, const login_watch& b) {
  PGSTEER_ASSERT(a.backend_key() == b.backend_key());
  PGSTEER_ASSERT(a.sqlstate() == b.sqlstate());
}

void watch(login_watch_options options, std::size_t cut, byte_span bytes) {
  login_watch whole(options);
  const auto expected = whole.consume(bytes);

  login_watch halves(options);
  cut = bytes.empty() ? 0 : cut % bytes.size();
  halves.consume(bytes.first(cut));
  PGSTEER_ASSERT(halves.consume(bytes.subspan(cut)) == expected);
  expect_equal(whole, halves);

  login_watch single(options);
  auto last = login_watch::state::watching;
  for (const auto& byte : bytes) last = single.consume({&byte, 1});
  PGSTEER_ASSERT(last == expected);
  expect_equal(whole, single);

  if (const auto& key = whole.backend_key()) {
    PGSTEER_ASSERT(*parse_cancel_request(as_bytes(test::cancel_request(*key))) == *key);
  }
}

}  // namespace
}  // namespace pgsteer::pgwire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  pgsteer::pgwire::watch({.refuse_hot_standby = (data[0] & 1) != 0}, data[1], {data + 2, size - 2});
  return 0;
}
