#include "session/own_cancels.hpp"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "pgsteer/base/permit.hpp"
#include "pgsteer/login/admission.hpp"
#include "session/cancel_delivery.hpp"

namespace pgsteer::session {

struct own_cancels::under_way {
  under_way(own_cancels& of, permit taken)
      : number(++of.newest_),
        place(std::move(taken)),
        delivery(of.worker_.context, [&of, n = number] { of.finish(n); }),
        deadline(of.worker_.context) {}
  const std::uint64_t number;
  permit place;
  cancel_delivery delivery;
  boost::asio::steady_timer deadline;
};

own_cancels::own_cancels(worker_context& worker) : worker_(worker) {}
own_cancels::~own_cancels() = default;

void own_cancels::send(const pgwire::cancel_key& key, const endpoint& backend) {
  const runtime::options& options = *worker_.state()->options;
  auto place = login::admit_cancel(worker_.shared.permits, options.limits);
  if (!place) return worker_.shared.cancel_counters.dropped.add();
  under_way& begun = under_way_.emplace_back(*this, std::move(*place));
  begun.delivery.start(as_bytes(pgwire::make_cancel_request(key)), {backend});
  begun.deadline.expires_after(options.login.cancel_timeout);
  begun.deadline.async_wait([this, n = begun.number](const error_code& ec) {
    if (!ec) finish(n);
  });
}

// It is delivered, or too late.
void own_cancels::finish(std::uint64_t number) {
  const auto done = std::ranges::find(under_way_, number, &under_way::number);
  if (done == under_way_.end()) return;
  worker_.shared.cancel_counters.dropped.add(done->delivery.undelivered());
  under_way_.erase(done);
}

}  // namespace pgsteer::session
