#pragma once
// What the kernel counts of this process: CPU time, memory, file descriptors.
//
// Read anew each time, which is once a scrape; control thread.
#include "pgsteer/metrics/server_counters.hpp"

namespace pgsteer::server {

// Leaves out what cannot be read. O(open descriptors) before Linux 6.2: they are counted one by one.
[[nodiscard]] metrics::process_view process_figures();

}  // namespace pgsteer::server
