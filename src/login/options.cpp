#include "pgsteer/login/options.hpp"

namespace pgsteer::login {

bool are_valid(const login_options& options) noexcept {
  const duration zero = duration::zero();
  return options.startup_timeout > zero && options.connect_timeout > zero &&
         options.connect_timeout <= options.login_timeout && options.cancel_timeout > zero;
}

}  // namespace pgsteer::login
