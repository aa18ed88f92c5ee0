#pragma once
// Tells the log what changed from one snapshot to the next: one line per fact, so that a failover reads as a
// short story.
//
// Pure but for the log; control thread.
#include "pgsteer/topology/snapshot.hpp"

namespace pgsteer::story {

void tell_topology_change(const topology::topology_snapshot& before, const topology::topology_snapshot& after,
                          time_point now);

}  // namespace pgsteer::story
