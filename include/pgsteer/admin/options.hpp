#pragma once
// Options of the admin HTTP listener; filled by config, checked here.
#include "pgsteer/base/endpoint.hpp"

namespace pgsteer::admin {

struct admin_options {
  endpoint bind{"127.0.0.1", 9464};  // loopback: the page names backends. port 0 asks for a free one
};

[[nodiscard]] bool are_valid(const admin_options& options) noexcept;

}  // namespace pgsteer::admin
