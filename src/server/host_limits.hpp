#pragma once
// What this host allows the process: file descriptors.
//
// Called at start and at each reload, on the control thread.
#include <cstdint>

namespace pgsteer::server {

struct descriptor_use {
  std::uint32_t sessions = 0;  // of two sockets each
  std::uint32_t workers = 1;
  std::uint32_t by_each_worker = 0;     // beside its sessions
  std::uint32_t lingering_by_each = 0;  // and sockets whose sessions are over
};

// Raises the soft limit of open files to the hard one. Returns what of this fits. Logs a warning if fewer
// sessions do, since a client beyond can only be refused while there is a descriptor left to accept it; once,
// unless other sessions are wanted.
[[nodiscard]] descriptor_use raise_open_files_limit(const descriptor_use& wanted);

// Beside those of everything else. Sessions have half of a low limit, and at least one fits.
[[nodiscard]] descriptor_use fitting_in(std::uint64_t open_files, const descriptor_use& wanted) noexcept;

}  // namespace pgsteer::server
