#include "pgsteer/runtime/publication.hpp"

#include <utility>

namespace pgsteer::runtime {
namespace {

state_ptr with_rw_closed(state of) {
  of.is_rw_closed = true;
  return std::make_shared<const state>(std::move(of));
}

}  // namespace

void publication::publish(state next) {
  newest_ = std::make_shared<const state>(std::move(next));
  const topology::topology_snapshot& snapshot = *newest_->topology.snapshot;
  if (workers_to_close_ > 0) {
    // What it says of standbys, and of sessions that must go, does not wait for the slowest worker.
    const state_ptr closed = with_rw_closed(*newest_);
    for (const taker& take : workers_) take(closed, {});
  } else if (snapshot.rw_valid_until && open_primary_ && open_primary_ != snapshot.primary) {
    close();
  } else {
    open();
  }
}

void publication::open() {
  const topology::topology_snapshot& snapshot = *newest_->topology.snapshot;
  if (snapshot.rw_valid_until) open_primary_ = snapshot.primary;
  for (const taker& take : workers_) take(newest_, {});
}

void publication::close() {
  workers_to_close_ = workers_.size();
  const state_ptr closed = with_rw_closed(*newest_);
  for (const taker& take : workers_) take(closed, [this] { on_closed(); });
}

void publication::on_closed() {
  if (--workers_to_close_ > 0) return;
  open_primary_.reset();
  open();
}

}  // namespace pgsteer::runtime
