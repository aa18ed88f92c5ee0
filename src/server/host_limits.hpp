#pragma once
// What this host allows the process: file descriptors.
//
// Called once at start, on the control thread.
#include <cstdint>

namespace pgsteer::server {

// Raises the soft limit of open files to the hard one. Returns how many sessions of two sockets each fit, at
// most sessions_max; logs a warning if that is fewer, since a client beyond can only be refused while there
// is a descriptor left to accept it.
[[nodiscard]] std::uint32_t raise_open_files_limit(std::uint32_t sessions_max);

}  // namespace pgsteer::server
