#include "discovery/name_watch.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <utility>

#include "pgsteer/base/log.hpp"

namespace pgsteer::discovery {

name_watch::name_watch(boost::asio::io_context& context, resolve_function resolve, std::string name,
                       duration refresh)
    : resolve_(std::move(resolve)), name_(std::move(name)), refresh_(refresh), timer_(context) {}

void name_watch::start(on_answer handler) {
  handler_ = std::move(handler);
  resolve();
}

void name_watch::stop() {
  is_stopped_ = true;
  handler_ = nullptr;
  timer_.cancel();
}

void name_watch::refresh_now() {
  if (!handler_) return;  // not started, or stopped
  if (is_resolving_) {
    is_hinted_ = true;
  } else {
    resolve_at(std::min(timer_.expiry(), started_ + refresh_gap_min));
  }
}

void name_watch::resolve_at(time_point due) {
  timer_.expires_at(due);
  timer_.async_wait([weak = weak_from_this()](const error_code& ec) {
    const auto self = weak.lock();
    // A timer that has expired cannot be cancelled any more, so resolve() looks at the state again.
    if (self && !ec) self->resolve();
  });
}

void name_watch::resolve() {
  if (is_stopped_ || is_resolving_) return;
  is_resolving_ = true;
  is_hinted_ = false;
  started_ = clock::now();
  resolve_(name_, [weak = weak_from_this()](error_code ec, addresses answer) {
    if (const auto self = weak.lock()) self->finish(ec, answer);
  });
}

void name_watch::finish(error_code ec, const addresses& answer) {
  is_resolving_ = false;
  if (is_stopped_) return;
  if (!ec && answer.empty()) ec = boost::asio::error::no_data;
  log_change(ec);
  if (is_hinted_) {
    resolve_at(started_ + refresh_gap_min);
  } else {
    // A resolution that took longer than the refresh is not followed by the next one without a pause.
    resolve_at(std::max(started_ + refresh_, clock::now() + std::min(refresh_, refresh_gap_min)));
  }
  const on_answer handler = handler_;  // it may stop() us
  if (!ec) handler(answer);
}

void name_watch::log_change(const error_code& ec) {
  if (last_ == ec) return;
  const bool was_failing = last_ && *last_;
  last_ = ec;
  if (ec) {
    const std::string reason = ec.message();
    log(log_level::warning, "name not resolved, last good answer kept", {{"name", name_}, {"error", reason}});
  } else if (was_failing) {
    log(log_level::info, "name resolved again", {{"name", name_}});
  }
}

}  // namespace pgsteer::discovery
