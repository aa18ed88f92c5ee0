#pragma once
// publication: brings snapshots to the workers. A new primary is opened only after every worker has let go of
// the old one, so that no two workers ever send new rw logins to different backends.
//
// Decides nothing. Control thread.
//
// Flow: publish(next); if its primary is another than the workers have: next without any rw-eligible backend
// goes out first, which also closes the sessions that must go, and next itself once each worker has said so.
// What comes meanwhile goes out in the same two steps.
#include <boost/asio/io_context.hpp>
#include <functional>
#include <optional>
#include <vector>

#include "pgsteer/session/worker_context.hpp"

namespace pgsteer::server {

class publication {
 public:
  // Takes a snapshot, and calls on_taken, if there is one, once nothing of its worker goes by an older one;
  // both on any thread.
  using taker =
      std::function<void(const session::published_topology& topology, std::function<void()> on_taken)>;

  // control must outlive it, and it the threads of its takers.
  explicit publication(boost::asio::io_context& control) : control_(control) {}

  // Before the first publish().
  void add(taker worker) { workers_.push_back(std::move(worker)); }
  void publish(const session::published_topology& next);

 private:
  void open(const session::published_topology& next);
  void close_then_open(const session::published_topology& next);
  void on_closed();

  boost::asio::io_context& control_;
  std::vector<taker> workers_;
  std::optional<topology::backend_id> open_primary_;  // some worker may still send rw logins there
  session::published_topology waiting_;               // the newest, while workers have yet to let go
  std::size_t workers_to_close_ = 0;
};

}  // namespace pgsteer::server
