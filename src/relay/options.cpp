#include "pgsteer/relay/options.hpp"

#include "pgsteer/relay/errc.hpp"

namespace pgsteer::relay {

result<void> check(const relay_options& options) {
  const bool is_valid =
      options.buffer_bytes > 0 && options.buffer_bytes <= relay_options::buffer_bytes_limit &&
      options.reads_per_turn_max > 0 && options.reads_per_turn_max <= relay_options::reads_per_turn_limit &&
      options.half_close_timeout > duration::zero();
  if (!is_valid) return errc::invalid_options;
  return {};
}

}  // namespace pgsteer::relay
