#pragma once
// state: the one value that workers go by. It never changes; what has changed is published as another one.
//
// Pure; any thread.
#include <memory>
#include <vector>

#include "pgsteer/base/permit_queue.hpp"
#include "pgsteer/metrics/server_counters.hpp"
#include "pgsteer/runtime/options.hpp"
#include "pgsteer/topology/snapshot.hpp"

namespace pgsteer::runtime {

// How all workers together use one backend.
struct backend_use {
  metrics::backend_counters counters;
  permit_queue dials;  // each is a fork there
};
using backend_use_ptr = std::shared_ptr<backend_use>;

// A snapshot and, in the order of its backends, how they are used.
struct used_topology {
  topology::snapshot_ptr snapshot = std::make_shared<const topology::topology_snapshot>();
  std::vector<backend_use_ptr> uses;
};

// How far a drain of the whole process is.
enum class drain_step {
  none,
  waiting,  // there are no new sessions, the present ones may end by themselves
  ending,   // their time is over
};

// What the operator has ordered.
struct orders {
  drain_step drain = drain_step::none;

  bool operator==(const orders&) const = default;
};

struct state {
  used_topology topology;
  std::shared_ptr<const runtime::options> options;  // never null
  runtime::orders orders;
  // No new session that needs the primary: some worker may still send those to another one (publication.hpp).
  bool is_rw_closed = false;
};

using state_ptr = std::shared_ptr<const state>;

}  // namespace pgsteer::runtime
