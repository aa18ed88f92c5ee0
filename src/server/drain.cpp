#include "server/drain.hpp"

#include <utility>

#include "pgsteer/base/log.hpp"

namespace pgsteer::server {
namespace {

using runtime::drain_step;

// How often it is looked whether the last session has ended.
constexpr auto look_interval = milliseconds{20};
// Of the timeout: the rest is for those who are busy when they are called.
constexpr int calling_share = 2;

}  // namespace

drain::drain(boost::asio::io_context& control, surroundings around)
    : around_(std::move(around)), timer_(control) {}

void drain::begin(const times& allowed) {
  if (has_begun()) return;
  allowed_ = allowed;
  log(log_level::info, "draining: not ready any more",
      {{"sessions", static_cast<std::int64_t>(around_.session_count())},
       {"drain_grace_seconds", in_seconds(allowed.grace)},
       {"drain_timeout_seconds", in_seconds(allowed.timeout)}});
  go_to(drain_step::announced);
  if (allowed.grace == duration::zero()) return close();
  timer_.expires_after(allowed.grace);
  timer_.async_wait([this](const error_code& ec) {
    if (!ec) close();
  });
}

void drain::close() {
  timer_.cancel();
  deadline_ = clock::now() + allowed_.timeout;
  orders_.leave_by = clock::now() + allowed_.timeout / calling_share;
  orders_.encrypted_quiet = allowed_.timeout / calling_share;
  around_.close_listeners([this] {
    is_closed_ = true;
    log(log_level::info, "draining: no new clients, sessions leave when they are idle",
        {{"sessions", static_cast<std::int64_t>(around_.session_count())}});
  });
  go_to(drain_step::leaving);
  look();
}

void drain::hurry() {
  if (orders_.drain == drain_step::none || orders_.drain == drain_step::ending) return;
  const bool is_open = orders_.drain == drain_step::announced;
  allowed_.timeout = duration::zero();
  if (is_open) return close();
  go_to(drain_step::ending);
}

void drain::look() {
  if (is_closed_ && around_.session_count() == 0) return around_.on_over();
  if (clock::now() >= deadline_) go_to(drain_step::ending);
  timer_.expires_after(look_interval);
  timer_.async_wait([this](const error_code& ec) {
    if (!ec) look();
  });
}

void drain::go_to(drain_step next) {
  if (orders_.drain == next) return;
  orders_.drain = next;
  around_.publish(orders_);
}

}  // namespace pgsteer::server
