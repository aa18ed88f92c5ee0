#include "pgsteer/net/options.hpp"

namespace pgsteer::net {

// The kernel's own bounds: MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL, MAX_TCP_KEEPCNT (include/net/tcp.h);
// TCP_USER_TIMEOUT is an int of milliseconds. Beyond them setsockopt(2) fails on every socket.
bool are_valid(const tcp_options& options) noexcept {
  constexpr seconds keepalive_max{32'767};
  return options.keepalive_idle >= seconds{1} && options.keepalive_idle <= keepalive_max &&
         options.keepalive_interval >= seconds{1} && options.keepalive_interval <= keepalive_max &&
         options.keepalive_count >= 1 && options.keepalive_count <= 127 &&
         options.user_timeout >= milliseconds{0} && options.user_timeout <= milliseconds{2'147'483'647};
}

}  // namespace pgsteer::net
