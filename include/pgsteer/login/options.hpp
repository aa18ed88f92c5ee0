#pragma once
// How long each step of a login may take; filled by config, checked here. Values; any thread.
#include "pgsteer/base/clock.hpp"
#include "pgsteer/base/result.hpp"

namespace pgsteer::login {

struct login_options {
  duration startup_timeout = seconds{10};  // for the whole first packet; PostgreSQL: 60 s
  // One TCP connect, and the answer to a request for encryption. A first answer to a login that takes longer
  // makes the backend be probed at once.
  duration connect_timeout = seconds{1};
  duration login_timeout = seconds{60};  // authentication_timeout's default
  duration cancel_timeout = seconds{2};  // a cancel older than this could hit another query
};

[[nodiscard]] bool are_valid(const login_options& options) noexcept;

}  // namespace pgsteer::login
