#pragma once
// Options of the relay; filled by config, checked here.
#include <cstdint>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/base/result.hpp"

namespace pgsteer::relay {

enum class engine_choice { automatic, epoll, io_uring };

struct relay_options {
  engine_choice engine = engine_choice::automatic;
  // One read. 64 KiB moved bulk as fast as larger ones; it is also the most that one direction of a stalled
  // session holds in user memory.
  std::uint32_t buffer_bytes = 64 * 1024;
  // Reads of one flow in one turn, so that a bulk flow cannot hold up its neighbours (PgBouncer's
  // sbuf_loopcnt is 5).
  std::uint32_t reads_per_turn_max = 4;
  // After one side has ended (FIN), how long the other may stay open without a byte moving. PostgreSQL never
  // half-closes for long; a client that ignores the end of its session would otherwise hold a place for ever.
  duration half_close_timeout = seconds{30};
};

[[nodiscard]] result<void> check(const relay_options& options);

}  // namespace pgsteer::relay
