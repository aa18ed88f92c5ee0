// Feeds a whole negotiation, request after request, and demands that no cut of the bytes changes a verdict.
//
// Input: Byte1 replies, two bits each | Byte1 where to cut | bytes from the client.
#include <cstddef>
#include <cstdint>
#include <span>

#include "pgsteer/base/assert.hpp"
#include "pgsteer/pgwire/cancel_key.hpp"
#include "pgsteer/pgwire/errc.hpp"
#include "pgsteer/pgwire/startup_message.hpp"
#include "pgsteer/pgwire/startup_negotiation.hpp"

namespace pgsteer::pgwire {
namespace {

using kind = startup_step::kind;

void check(const startup_step& step, byte_span bytes) {
  switch (step.what) {
    case kind::needs_more:
      PGSTEER_ASSERT(step.bytes_missing > 0 && bytes.size() + step.bytes_missing <= first_packet_bytes_max);
      break;
    case kind::complete:
      PGSTEER_ASSERT(step.bytes.data() == bytes.data());
      PGSTEER_ASSERT(step.bytes.size() + step.bytes_behind == bytes.size());
      if (step.packet == packet_kind::startup_message) {
        PGSTEER_ASSERT(parse_startup_message(step.bytes).has_value());
      }
      if (step.packet == packet_kind::cancel_request)
        PGSTEER_ASSERT(parse_cancel_request(step.bytes).has_value());
      break;
    case kind::invalid:
      PGSTEER_ASSERT(step.error.category() == pgwire_category());
      PGSTEER_ASSERT(reason_of(step).empty() == verdict_of(step.error).is_silent);
      break;
  }
}

// The same packet with a first part of the bytes only, then with all of them.
void check_cut(startup_negotiation negotiation, const startup_step& expected, byte_span bytes,
               std::size_t cut) {
  auto step = negotiation.consume(bytes.first(cut));
  check(step, bytes.first(cut));
  if (step.what == kind::needs_more)
    step = negotiation.consume(bytes);
  else if (step.what == kind::complete)
    return;  // what lies behind the cut came too late to be judged
  PGSTEER_ASSERT(step.what == expected.what);
  PGSTEER_ASSERT(step.error == expected.error);
}

bool is_request(const startup_step& step) {
  return step.what == kind::complete &&
         (step.packet == packet_kind::ssl_request || step.packet == packet_kind::gssenc_request);
}

void negotiate(unsigned replies, std::size_t cut, byte_span bytes) {
  startup_negotiation negotiation;
  for (;;) {
    // A request must be the last thing sent, so it is fed alone where there is one.
    const auto request = bytes.first(bytes.size() < 8 ? 0 : 8);
    auto probe = negotiation;
    const auto input = is_request(probe.consume(request)) ? request : bytes;

    const auto before = negotiation;
    const auto step = negotiation.consume(input);
    check(step, input);
    check_cut(before, step, input, input.empty() ? 0 : cut % input.size());
    if (!is_request(step)) return;
    negotiation.replied("NSGE"[replies & 3]);
    replies >>= 2;
    bytes = bytes.subspan(step.bytes.size());
  }
}

}  // namespace
}  // namespace pgsteer::pgwire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  pgsteer::pgwire::negotiate(data[0], data[1], {data + 2, size - 2});
  return 0;
}
