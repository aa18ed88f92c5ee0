#include "pgsteer/relay/options.hpp"

#include "pgsteer/relay/errc.hpp"

namespace pgsteer::relay {

result<void> check(const relay_options& options) {
  const bool is_valid = options.buffer_bytes > 0 && options.reads_per_turn_max > 0 &&
                        options.half_close_timeout > duration::zero();
  if (!is_valid) return errc::invalid_options;
  return {};
}

}  // namespace pgsteer::relay
