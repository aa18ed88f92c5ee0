#pragma once
// `pgsteer fence`: shows, lowers or forgets what cluster.state_dir remembers.
//
// Touches the file alone; a running pgsteer takes it in at a reload or at its next start.
#include <cstdint>
#include <iosfwd>
#include <string>

namespace pgsteer::fence {

struct fence_request {
  std::uint32_t lower_to = 0;  // the timeline to remember from now on; 0: leave it
  bool forget = false;         // the cluster's identity too
};

// Exit codes: 0 done, 1 the file cannot be read or written or the request makes no sense on it.
[[nodiscard]] int run_fence(const std::string& state_dir, const fence_request& request, std::ostream& out,
                            std::ostream& err);

}  // namespace pgsteer::fence
