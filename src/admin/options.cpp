#include "pgsteer/admin/options.hpp"

#include "pgsteer/admin/errc.hpp"

namespace pgsteer::admin {

result<void> check(const admin_options& options) {
  if (options.bind.host.empty()) return errc::invalid_options;
  return {};
}

}  // namespace pgsteer::admin
