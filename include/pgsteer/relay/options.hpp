#pragma once
// Options of the relay; filled by config, checked here.
#include <cstdint>

#include "pgsteer/base/clock.hpp"

namespace pgsteer::relay {

enum class engine_choice { automatic, epoll, io_uring };

enum class toggle { off, on };

struct relay_options {
  // Larger ones were no faster; the product is far below 2^32.
  static constexpr std::uint32_t buffer_bytes_limit = 1U << 20U;
  static constexpr std::uint32_t reads_per_turn_limit = 64;
  engine_choice engine = engine_choice::automatic;
  // One read. 64 KiB moved bulk as fast as larger ones; with epoll it is also the most that one direction of
  // a stalled session holds in user memory (io_uring: uring_buffers::bytes_per_direction_max if that is
  // more).
  std::uint32_t buffer_bytes = 64 * 1024;
  // Reads of one flow in one turn, so that a bulk flow cannot hold up its neighbours (PgBouncer's
  // sbuf_loopcnt is 5, of 4 KiB each). With 4, small sessions beside bulk waited up to twice as long on two
  // cores, where bulk alone was a tenth faster (bench/load d and c).
  std::uint32_t reads_per_turn_max = 2;
  // After one side has ended (FIN), how long the other may stay open without a byte moving. PostgreSQL never
  // half-closes for long; a client that ignores the end of its session would otherwise hold a place for ever.
  duration half_close_timeout = seconds{30};
  // A worker with nothing to do polls for a moment before it waits, while traffic is brisk and nobody else
  // wants its core (relay/spin_policy.hpp). Off: a container's CPU quota counts it as work, and latency
  // gained on a few sessions is processor time that PostgreSQL on the same host may need.
  toggle spin = toggle::off;
  // Bulk goes through pipes instead of through buffers (relay/splice_pipe.hpp).
  toggle splice = toggle::on;

  friend bool operator==(const relay_options&, const relay_options&) = default;
};

[[nodiscard]] bool are_valid(const relay_options& options) noexcept;

// What a worker has open beside the sockets of its sessions, at most: what it waits in, and pipes for bulk.
[[nodiscard]] std::uint32_t descriptors_per_worker(const relay_options& options) noexcept;

}  // namespace pgsteer::relay
