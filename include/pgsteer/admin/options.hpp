#pragma once
// Options of the admin HTTP listener and of the control socket; filled by config, checked here.
#include <string>

#include "pgsteer/base/endpoint.hpp"

namespace pgsteer::admin {

struct admin_options {
  endpoint bind{"127.0.0.1", 9464};  // loopback: the page names backends. port 0 asks for a free one

  friend bool operator==(const admin_options&, const admin_options&) = default;
};

[[nodiscard]] bool are_valid(const admin_options& options) noexcept;

// sun_path without its terminating zero: unix(7).
inline constexpr std::size_t control_path_bytes_max = 107;

struct control_options {
  std::string socket;  // path of the Unix socket for what changes something; empty: none

  friend bool operator==(const control_options&, const control_options&) = default;
};
// An absolute path that fits, or none.
[[nodiscard]] bool are_valid(const control_options& options) noexcept;

}  // namespace pgsteer::admin
