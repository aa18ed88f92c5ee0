#include "server/publication.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace pgsteer::server {
namespace {

// The same snapshot, but nobody takes new rw logins.
topology::topology_snapshot without_rw(topology::topology_snapshot snapshot) {
  for (topology::backend_status& status : snapshot.backends) status.is_rw_eligible = false;
  snapshot.rw_valid_until.reset();
  return snapshot;
}

}  // namespace

void publication::publish(const session::published_topology& next) {
  const bool is_rw_open = next.snapshot->rw_valid_until.has_value();
  if (workers_to_close_ > 0) {
    waiting_ = next;
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
  session::published_topology closed = next;
  closed.snapshot = std::make_shared<const topology::topology_snapshot>(without_rw(*next.snapshot));
  for (const taker& take : workers_)
    take(closed, [this] { boost::asio::post(control_, [this] { on_closed(); }); });
}

void publication::on_closed() {
  if (--workers_to_close_ > 0) return;
  open_primary_.reset();
  open(std::exchange(waiting_, {}));
}

}  // namespace pgsteer::server
