#include "session/cancel_delivery.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include "pgsteer/login/stay_rules.hpp"
#include "pgsteer/net/as_result.hpp"
#include "pgsteer/net/socket.hpp"
#include "pgsteer/net/spawn.hpp"

namespace pgsteer::session {
namespace asio = boost::asio;
using net::as_result;

struct cancel_delivery::shared {
  std::vector<std::uint8_t> packet;
  std::function<void()> on_done;  // while somebody waits for it
  std::vector<net::stream::socket*> sockets;
  std::size_t under_way = 0;
  std::size_t lost = 0;  // the backend did not get it

  // Whoever waits is told from the io_context, and not any more if it has gone meanwhile.
  static void tell(asio::io_context& context, std::shared_ptr<shared> self) {
    asio::post(context, [self = std::move(self)] {
      const auto told = self->on_done;  // which may end the delivery
      if (told) told();
    });
  }
  // One connection to one backend.
  static asio::awaitable<void> deliver(std::shared_ptr<shared> self, asio::io_context& context,
                                       endpoint backend);
};

asio::awaitable<void> cancel_delivery::shared::deliver(std::shared_ptr<shared> self,
                                                       asio::io_context& context, endpoint backend) {
  if (!self->on_done) co_return;  // nobody waits for it any more
  net::stream::socket socket(context);
  self->sockets.push_back(&socket);
  const auto address = net::to_address(backend);
  bool is_delivered = false;
  if (address) {
    const auto [ec] = co_await socket.async_connect(*address, as_result);
    if (!ec) {
      const auto [write_ec, written] =
          co_await asio::async_write(socket, asio::buffer(self->packet), as_result);
      is_delivered = !write_ec;
      char end = 0;
      if (is_delivered) co_await socket.async_read_some(asio::buffer(&end, 1), as_result);
    }
  }
  std::erase(self->sockets, &socket);
  if (!is_delivered) ++self->lost;
  if (--self->under_way == 0) tell(context, std::move(self));
}

std::vector<endpoint> cancel_targets(const worker_context& worker, byte_span packet,
                                     const listener_state& listener) {
  auto& counters = worker.shared.cancel_counters;
  const auto key = pgwire::parse_cancel_request(packet);
  if (auto known = key ? worker.shared.cancels.find(*key) : std::vector<endpoint>(); !known.empty()) {
    counters.forwarded.add();
    return known;
  }
  auto candidates = login::cancel_candidates(*worker.state()->topology.snapshot, worker.route_of(listener));
  (candidates.empty() ? counters.dropped : counters.broadcast).add();
  return candidates;
}

cancel_delivery::cancel_delivery(asio::io_context& context, std::function<void()> on_done)
    : context_(context), shared_(std::make_shared<shared>()) {
  shared_->on_done = std::move(on_done);
}

cancel_delivery::~cancel_delivery() {
  shared_->on_done = nullptr;
  for (net::stream::socket* socket : shared_->sockets) {
    error_code ignored;
    socket->close(ignored);
  }
}

void cancel_delivery::start(byte_span packet, const std::vector<endpoint>& backends) {
  shared_->packet.assign(packet.begin(), packet.end());
  shared_->under_way = backends.size();
  if (backends.empty()) shared::tell(context_, shared_);
  for (const endpoint& backend : backends)
    net::spawn(context_, shared::deliver(shared_, context_, backend), "cancel");
}

std::size_t cancel_delivery::undelivered() const noexcept {
  return shared_->under_way + shared_->lost;
}

}  // namespace pgsteer::session
