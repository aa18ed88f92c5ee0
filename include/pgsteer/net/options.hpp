#pragma once
// Socket options of both legs of a session; filled by config, checked here.
#include "pgsteer/base/clock.hpp"

namespace pgsteer::net {

struct tcp_options {
  // A silent peer is found after 30 + 3 * 10 = 60 s; also keeps NAT entries and cloud load balancers (4
  // minutes on Azure) from forgetting the connection.
  seconds keepalive_idle{30};
  seconds keepalive_interval{10};
  int keepalive_count = 3;
  // TCP_USER_TIMEOUT, tcp(7): sent data unacknowledged this long ends the connection; 0 is off. The same 60
  // s.
  milliseconds user_timeout{60'000};

  friend bool operator==(const tcp_options&, const tcp_options&) = default;
};

[[nodiscard]] bool are_valid(const tcp_options& options) noexcept;

}  // namespace pgsteer::net
