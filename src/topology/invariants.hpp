#pragma once
// What holds of every snapshot, whatever the backends say. Aborts on a broken one: it would be our own error.
#include "pgsteer/topology/snapshot.hpp"

namespace pgsteer::topology {

void check_invariants(const topology_snapshot& snapshot);

}  // namespace pgsteer::topology
