#include "pgsteer/admin/options.hpp"

namespace pgsteer::admin {

bool are_valid(const admin_options& options) noexcept {
  return !options.bind.host.empty();
}

bool are_valid(const control_options& options) noexcept {
  return options.socket.empty() ||
         (options.socket.front() == '/' && options.socket.size() <= control_path_bytes_max);
}

}  // namespace pgsteer::admin
