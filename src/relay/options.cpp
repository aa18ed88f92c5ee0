#include "pgsteer/relay/options.hpp"

#include "pgsteer/relay/errc.hpp"

namespace pgsteer::relay {

result<void> check(const relay_options& options) {
  // The io_uring engine has its word in the interface but is not in this version.
  const bool is_valid = options.engine != engine_choice::io_uring && options.buffer_bytes > 0 &&
                        options.reads_per_turn_max > 0 && options.half_close_timeout > duration::zero();
  if (!is_valid) return errc::invalid_options;
  return {};
}

}  // namespace pgsteer::relay
