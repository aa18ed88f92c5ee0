#pragma once
// state: the one value that workers go by. It never changes; what has changed is published as another one.
// The counters and queues that it points to (backend_use) do change.
//
// Any thread.
#include <cstddef>
#include <memory>
#include <vector>

#include "pgsteer/base/assert.hpp"
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

// Keeps use alive.
[[nodiscard]] inline std::shared_ptr<permit_queue> dials_of(const backend_use_ptr& use) noexcept {
  return {use, &use->dials};
}

// A snapshot and, in the order of its backends, how they are used.
struct used_topology {
  topology::snapshot_ptr snapshot = std::make_shared<const topology::topology_snapshot>();
  std::vector<backend_use_ptr> uses;

  // status: one of the snapshot's own.
  [[nodiscard]] const backend_use_ptr& use_of(const topology::backend_status& status) const noexcept {
    return uses[static_cast<std::size_t>(&status - snapshot->backends.data())];
  }
};

// How far a drain of the whole process is.
enum class drain_step {
  none,
  announced,  // it is not ready any more; clients that come all the same are served
  leaving,    // nobody comes any more; sessions end when they are idle outside a transaction
  ending,     // their time is over
};

// What the operator has ordered.
struct operator_orders {
  drain_step drain = drain_step::none;
  time_point leave_by = time_point::max();  // every session has been called to leave by then
  // Whose transactions nobody sees is idle after so long a silence, at first; not before encrypted_idle_time.
  duration encrypted_quiet{};

  bool operator==(const operator_orders&) const = default;
};

struct state {
  used_topology topology;
  std::shared_ptr<const runtime::options> options = std::make_shared<const runtime::options>();  // never null
  operator_orders orders;
  // No new session that needs the primary: some worker may still send those to another one (publication.hpp).
  bool is_rw_closed = false;

  // The primary may be given new sessions.
  [[nodiscard]] bool is_rw_open(time_point now) const noexcept {
    return !is_rw_closed && topology.snapshot->is_rw_open(now);
  }
  // Of the listener with this place among the options.
  [[nodiscard]] const listener_options& listener(std::size_t index) const noexcept {
    PGSTEER_ASSERT(index < options->listeners.size());
    return options->listeners[index];
  }
};

using state_ptr = std::shared_ptr<const state>;

}  // namespace pgsteer::runtime
