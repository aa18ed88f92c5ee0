// CancelRequest: to the backend that has the session, or, when no session here has that key (it runs through
// another pgsteer, or its login was encrypted), to every backend that could have it. A wrong key is harmless:
// protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS.
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include "pgsteer/net/as_result.hpp"
#include "pgsteer/net/socket.hpp"
#include "pgsteer/net/spawn.hpp"
#include "session/session.hpp"

namespace pgsteer::session {
namespace asio = boost::asio;
namespace {

using net::as_result;

// What the deliveries of one CancelRequest share with the session that waits for them.
struct delivery {
  std::vector<std::uint8_t> packet;
  net::wait_point* waiter;  // of the session, while it waits
  std::vector<net::tcp::socket*> sockets;
  std::size_t under_way;
  std::size_t lost = 0;  // the backend did not get it
};

// One connection to one backend. The backend closes it when it has signalled the process, and only then is
// the cancel done (libpq waits for this too).
asio::awaitable<void> deliver(std::shared_ptr<delivery> shared, asio::io_context& context, endpoint backend) {
  net::tcp::socket socket(context);
  shared->sockets.push_back(&socket);
  const auto address = net::to_address(backend);
  bool is_delivered = false;
  if (address) {
    const auto [ec] = co_await socket.async_connect(*address, as_result);
    if (!ec) {
      const auto [write_ec, written] =
          co_await asio::async_write(socket, asio::buffer(shared->packet), as_result);
      is_delivered = !write_ec;
      char end = 0;
      if (is_delivered) co_await socket.async_read_some(asio::buffer(&end, 1), as_result);
    }
  }
  std::erase(shared->sockets, &socket);
  if (!is_delivered) ++shared->lost;
  if (--shared->under_way == 0 && shared->waiter != nullptr) shared->waiter->wake();
}

}  // namespace

std::vector<endpoint> session::cancel_targets(const pgwire::cancel_key& key) const {
  auto& counters = worker_.shared.cancel_counters;
  std::vector<endpoint> targets = worker_.shared.cancels.find(key);
  if (!targets.empty()) {
    counters.forwarded.add();
    return targets;
  }
  const auto& snapshot = worker_.topology().snapshot;
  const bool needs_primary = routing::needs_primary(listener_.options.policy.route);
  for (const topology::backend_status& status : snapshot->backends) {
    const bool may_have_it = needs_primary ? snapshot->primary == status.id : status.is_answering;
    if (may_have_it && status.sessions != topology::session_verdict::close_all)
      targets.push_back(status.address);
  }
  (targets.empty() ? counters.dropped : counters.broadcast).add();
  return targets;
}

asio::awaitable<session::maybe_end> session::forward_cancel() {
  opening& o = *opening_;
  o.watchdog.disarm();
  const auto key = pgwire::parse_cancel_request(o.step.bytes);
  if (!key) co_return close_reason::malformed_startup;
  const auto permit = worker_.shared.limits.cancels.take();
  if (!permit) {
    worker_.shared.cancel_counters.dropped.add();
    co_return close_reason::cancel_request;
  }
  const std::vector<endpoint> targets = cancel_targets(*key);
  auto shared = std::make_shared<delivery>(delivery{.packet = {o.step.bytes.begin(), o.step.bytes.end()},
                                                    .waiter = &o.wait,
                                                    .sockets = {},
                                                    .under_way = targets.size()});
  for (const endpoint& target : targets)
    net::spawn(worker_.context, deliver(shared, worker_.context, target), "cancel");
  // Later than this it could hit another query of the same session (pgbouncer#245), so it is dropped.
  const time_point deadline = clock::now() + worker_.shared.options.cancel_timeout;
  while (shared->under_way > 0 && clock::now() < deadline && !requested_)
    co_await o.wait.wait_until(deadline);
  shared->waiter = nullptr;
  worker_.shared.cancel_counters.dropped.add(shared->under_way + shared->lost);
  for (net::tcp::socket* socket : shared->sockets) {
    error_code ignored;
    socket->close(ignored);
  }
  co_return close_reason::cancel_request;
}

}  // namespace pgsteer::session
