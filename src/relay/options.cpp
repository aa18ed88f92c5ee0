#include "pgsteer/relay/options.hpp"

#include "relay/splice_pipe.hpp"

namespace pgsteer::relay {
namespace {

// The engine's epoll set or ring, the set of sockets that wait for room, the context's epoll set, timerfd and
// eventfds.
constexpr std::uint32_t descriptors_to_wait_in = 8;

}  // namespace

bool are_valid(const relay_options& options) noexcept {
  return options.buffer_bytes > 0 && options.buffer_bytes <= relay_options::buffer_bytes_limit &&
         options.reads_per_turn_max > 0 &&
         options.reads_per_turn_max <= relay_options::reads_per_turn_limit &&
         options.half_close_timeout > duration::zero();
}

std::uint32_t descriptors_per_worker(const relay_options& options) noexcept {
  const std::size_t pipes = options.splice == toggle::on ? pipe_pool::pipes_max : 0;
  return descriptors_to_wait_in + static_cast<std::uint32_t>(2 * pipes);
}

}  // namespace pgsteer::relay
