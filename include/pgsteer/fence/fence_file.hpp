#pragma once
// The file that remembers the fence over restarts: fence.json in cluster.state_dir.
//
//   {"system_identifier": "7711374223114453103", "timeline": 2, "raised_at": "0/3000148"}
//
// or, after `pgsteer fence --forget`, {"forgotten": true}.
//
// Replaced as a whole (write, fsync, rename), so that a crash leaves the old or the new one. Blocks on the
// disk.
#include <optional>
#include <string>

#include "pgsteer/topology/topology.hpp"

namespace pgsteer::fence {

struct fence_reading {
  std::optional<topology::fence_mark> mark;  // unset: nothing is remembered
  bool is_missing = false;                   // there is no file
  std::string problem;                       // why it cannot be told; empty if it can
};

[[nodiscard]] std::string fence_path(const std::string& state_dir);
[[nodiscard]] fence_reading read_fence(const std::string& state_dir);
// Returns what went wrong, or nothing. An unset mark says that all was forgotten.
[[nodiscard]] std::string write_fence(const std::string& state_dir,
                                      const std::optional<topology::fence_mark>& mark);

}  // namespace pgsteer::fence
