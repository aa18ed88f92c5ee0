#include "pgsteer/admin/options.hpp"

namespace pgsteer::admin {

bool are_valid(const admin_options& options) noexcept {
  return !options.bind.host.empty();
}

}  // namespace pgsteer::admin
