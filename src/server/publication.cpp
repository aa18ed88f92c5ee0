#include "server/publication.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace pgsteer::server {
namespace {

// The same, but nobody takes new rw logins.
session::published_topology without_rw(session::published_topology topology) {
  topology::topology_snapshot closed = *topology.snapshot;
  for (topology::backend_status& status : closed.backends) status.is_rw_eligible = false;
  closed.rw_valid_until.reset();
  topology.snapshot = std::make_shared<const topology::topology_snapshot>(std::move(closed));
  return topology;
}

}  // namespace

void publication::publish(const session::published_topology& next) {
  const bool is_rw_open = next.snapshot->rw_valid_until.has_value();
  if (workers_to_close_ > 0) {
    waiting_ = next;
    // What it says of standbys, and of sessions that must go, does not wait for the slowest worker.
    const session::published_topology closed = without_rw(next);
    for (const taker& take : workers_) take(closed, {});
  } else if (is_rw_open && open_primary_ && open_primary_ != next.snapshot->primary) {
    close_then_open(next);
  } else {
    open(next);
  }
}

void publication::open(const session::published_topology& next) {
  if (next.snapshot->rw_valid_until) open_primary_ = next.snapshot->primary;
  for (const taker& take : workers_) take(next, {});
}

void publication::close_then_open(const session::published_topology& next) {
  waiting_ = next;
  workers_to_close_ = workers_.size();
  const session::published_topology closed = without_rw(next);
  for (const taker& take : workers_)
    take(closed, [this] { boost::asio::post(control_, [this] { on_closed(); }); });
}

void publication::on_closed() {
  if (--workers_to_close_ > 0) return;
  open_primary_.reset();
  open(std::exchange(waiting_, {}));
}

}  // namespace pgsteer::server
