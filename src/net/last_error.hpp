#pragma once
// last_error(): what the system call just made has left in errno.
#include <cerrno>

#include "pgsteer/base/result.hpp"

namespace pgsteer::net {

[[nodiscard]] inline error_code last_error() noexcept {
  return {errno, boost::system::system_category()};
}

}  // namespace pgsteer::net
