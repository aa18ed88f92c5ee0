#pragma once
// cancel_delivery: takes one CancelRequest to the backends that may have its session.
//
// Lives on one worker's thread; what is under way ends with it.
//
// Flow: start() -> on_done once each backend has closed its connection, which is when it has signalled the
// process (libpq waits for this too), or could not be reached.
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "pgsteer/base/bytes.hpp"
#include "pgsteer/base/endpoint.hpp"
#include "pgsteer/session/worker_context.hpp"

namespace pgsteer::session {

// Which backends these are: the one that has it, if its key is known in this process, else every one that
// could.
[[nodiscard]] std::vector<endpoint> cancel_targets(const worker_context& worker, byte_span packet,
                                                   const listener_state& listener);

class cancel_delivery {
 public:
  // on_done is called from the io_context, never from inside start().
  cancel_delivery(boost::asio::io_context& context, std::function<void()> on_done);
  ~cancel_delivery();
  cancel_delivery(const cancel_delivery&) = delete;
  cancel_delivery& operator=(const cancel_delivery&) = delete;

  void start(byte_span packet, const std::vector<endpoint>& backends);
  // Backends that did not get it, or have not closed yet.
  [[nodiscard]] std::size_t undelivered() const noexcept;

 private:
  struct shared;
  boost::asio::io_context& context_;
  std::shared_ptr<shared> shared_;
};

}  // namespace pgsteer::session
