#include "server/worker.hpp"

#include <boost/asio/post.hpp>

namespace pgsteer::server {
namespace asio = boost::asio;
namespace {

// How often the relay's housekeeping runs; its deadlines are tens of seconds.
constexpr auto tick_interval = seconds{1};

}  // namespace

result<std::unique_ptr<worker>> worker::make(const session::worker_shared& shared,
                                             const relay::relay_options& options) {
  std::unique_ptr<worker> made(new worker(shared));
  auto engine = relay::make_engine(made->context_, options, made->counters_);
  if (!engine) return engine.error();
  made->engine_ = std::move(*engine);
  made->sessions_.emplace(made->context_, *made->engine_, shared);
  made->work_.emplace(made->context_.get_executor());
  made->tick_.emplace(made->context_);
  return made;
}

worker::~worker() {
  join();
}

void worker::start() {
  schedule_tick();
  thread_ = std::thread([this] { context_.run(); });
}

void worker::publish(session::published_topology topology, std::function<void()> on_taken) {
  asio::post(context_, [this, next = std::move(topology), taken = std::move(on_taken)]() mutable {
    sessions_->publish(std::move(next));
    if (taken) taken();
  });
}

void worker::take(session::listener_state& listener, session::accepted_client client) {
  handed_over_.fetch_add(1, std::memory_order_relaxed);
  asio::post(context_, [this, &listener, taken = std::move(client)]() mutable {
    session::start_session(*sessions_, listener, std::move(taken));
    handed_over_.fetch_sub(1, std::memory_order_release);
  });
}

void worker::close_all(session::close_reason reason) {
  asio::post(context_, [this, reason] { sessions_->close_all(reason); });
}

void worker::finish() {
  asio::post(context_, [this] {
    is_finishing_ = true;
    work_.reset();
    if (sessions_->session_count() == 0) tick_->cancel();
  });
}

void worker::join() {
  if (thread_.joinable()) thread_.join();
}

std::size_t worker::session_count() const noexcept {
  // In this order: a session that starts in between is counted twice and not overlooked.
  const std::size_t on_their_way = handed_over_.load(std::memory_order_acquire);
  return on_their_way + sessions_->session_count();
}

void worker::schedule_tick() {
  tick_->expires_after(is_finishing_ ? duration(milliseconds{20}) : duration(tick_interval));
  tick_->async_wait([this](const error_code&) {
    engine_->tick(clock::now());
    // The engine's own wait on its epoll set keeps the context busy, so the thread is ended by hand.
    if (is_finishing_ && session_count() == 0) {
      context_.stop();
      return;
    }
    schedule_tick();
  });
}

}  // namespace pgsteer::server
