#pragma once
// Options of the admin HTTP listener; filled by config, checked here.
#include "pgsteer/base/endpoint.hpp"
#include "pgsteer/base/result.hpp"

namespace pgsteer::admin {

struct admin_options {
  endpoint bind{"127.0.0.1", 9464};  // loopback: the page names backends. port 0 asks for a free one
};

[[nodiscard]] result<void> check(const admin_options& options);

}  // namespace pgsteer::admin
