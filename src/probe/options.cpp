#include "pgsteer/probe/options.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace pgsteer::probe {
namespace {

// libpq-ssl.html#LIBPQ-SSL-SSLMODE-STATEMENTS
constexpr std::array<std::string_view, 6> sslmodes{"disable", "allow",     "prefer",
                                                   "require", "verify-ca", "verify-full"};

bool are_times_valid(const probe_options& options) {
  const duration zero = duration::zero();
  return options.interval > zero && options.burst_interval > zero &&
         options.burst_interval <= options.interval && options.burst_time > zero && options.timeout > zero &&
         options.late_after > zero && options.login_interval > zero &&
         options.primary_login_interval > zero && options.watch_interval > zero;
}

}  // namespace

bool are_valid(const probe_options& options) noexcept {
  return !options.user.empty() && !options.database.empty() && are_times_valid(options) &&
         (options.password_file.empty() || options.passfile.empty()) &&
         std::find(sslmodes.begin(), sslmodes.end(), options.sslmode) != sslmodes.end();
}

}  // namespace pgsteer::probe
