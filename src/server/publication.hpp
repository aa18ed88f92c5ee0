#pragma once
// publication: brings snapshots to the workers. A new primary is opened only after every worker has let go of
// the old one, so that no two workers ever send new rw logins to different backends.
//
// Decides nothing. Control thread.
//
// Flow: publish(next); if its primary is another than the workers have: next without any rw-eligible backend
// goes out first, which also closes the sessions that must go, and next itself once each worker has said so.
#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <vector>

#include "server/worker.hpp"

namespace pgsteer::server {

class publication {
 public:
  // Both must outlive it, the workers' threads too.
  publication(boost::asio::io_context& control, const std::vector<std::unique_ptr<worker>>& workers)
      : control_(control), workers_(workers) {}

  void publish(const session::published_topology& next);

 private:
  void open(const session::published_topology& next);
  void close_then_open(const session::published_topology& next);
  void on_closed();

  boost::asio::io_context& control_;
  const std::vector<std::unique_ptr<worker>>& workers_;
  std::optional<topology::backend_id> open_primary_;  // some worker may still send rw logins there
  session::published_topology waiting_;               // the newest, while workers have yet to let go
  std::size_t workers_to_close_ = 0;
};

}  // namespace pgsteer::server
