#pragma once
// What this host allows the process: file descriptors.
//
// Called once at start, on the control thread.
#include <cstdint>

namespace pgsteer::server {

// Raises the soft limit of open files to the hard one. Returns how many sessions fit, at most sessions_max;
// logs a warning if that is fewer, since a client beyond can only be refused while there is a descriptor left
// to accept it. workers_descriptors: what all workers together have open beside their sessions.
[[nodiscard]] std::uint32_t raise_open_files_limit(std::uint32_t sessions_max,
                                                   std::uint64_t workers_descriptors);

// Sessions of two sockets each beside the workers' descriptors and those of everything else; at least one.
[[nodiscard]] std::uint64_t sessions_fitting(std::uint64_t open_files,
                                             std::uint64_t workers_descriptors) noexcept;

}  // namespace pgsteer::server
