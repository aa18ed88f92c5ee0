#include "server/worker.hpp"

#include <future>

namespace pgsteer::server {
namespace asio = boost::asio;
namespace {

// How often the relay's housekeeping runs; its deadlines are tens of seconds.
constexpr auto housekeeping_interval = seconds{1};
// Once the last session is over, whoever has not got its last words yet may read them for so long.
constexpr auto last_words_max = seconds{1};

}  // namespace

result<std::unique_ptr<worker>> worker::make(const session::worker_shared& shared,
                                             const relay::relay_options& options, runtime::state_ptr first) {
  std::unique_ptr<worker> made(new worker);
  auto loop = relay::loop::make(made->context_, options, made->counters_);
  if (!loop) return loop.error();
  made->loop_ = std::move(*loop);
  made->sessions_.emplace(
      made->context_, made->loop_->engine(), [loop = made->loop_.get()] { loop->wake(); }, shared,
      std::move(first));
  made->tick_.emplace(made->context_);
  return made;
}

worker::~worker() {
  join();
}

void worker::start() {
  schedule_tick();
  thread_ = std::thread([this] { loop_->run(); });
}

void worker::publish(runtime::state_ptr next, std::function<void()> on_taken) {
  sessions_->post([this, taken_over = std::move(next), taken = std::move(on_taken)]() mutable {
    sessions_->publish(std::move(taken_over));
    if (taken) taken();
  });
}

void worker::take(session::listener_state& listener, session::accepted_client client) {
  client.id = sessions_->shared.ids.draw();  // before it goes its way: once nobody is accepted, all are known
  if (context_.get_executor().running_in_this_thread())
    return session::start_session(*sessions_, listener, std::move(client));
  handed_over_.fetch_add(1, std::memory_order_relaxed);
  sessions_->post([this, &listener, taken = std::move(client)]() mutable {
    session::start_session(*sessions_, listener, std::move(taken));
    handed_over_.fetch_sub(1, std::memory_order_release);
  });
}

void worker::take(session::listener_state& listener, session::carried_session carried,
                  login::picked_backend backend) {
  handed_over_.fetch_add(1, std::memory_order_relaxed);
  sessions_->post([this, &listener, taken = std::move(carried), to = std::move(backend)]() mutable {
    session::start_session(*sessions_, listener, std::move(taken), std::move(to));
    handed_over_.fetch_sub(1, std::memory_order_release);
  });
}

void worker::carry_away(std::size_t n, session::worker_context::taker whom,
                        std::function<void(std::size_t)> told) {
  sessions_->post([this, n, to = std::move(whom), tell = std::move(told)]() mutable {
    tell(sessions_->carry_away(n, std::move(to)));
  });
}

void worker::ask(std::function<void(session::worker_context&)> question) {
  sessions_->post([this, asked = std::move(question)] { asked(*sessions_); });
}

void worker::call(const std::function<void()>& action) {
  std::promise<void> done;
  sessions_->post([&] {
    action();
    done.set_value();
  });
  done.get_future().wait();
}

void worker::retune(const relay::relay_options& options) {
  sessions_->post([this, options] { loop_->retune(options); });
}

void worker::finish() {
  sessions_->post([this] {
    is_finishing_ = true;
    finishing_since_ = clock::now();
    tick_->cancel();  // and from now on every few milliseconds
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
  tick_->expires_after(is_finishing_ ? duration(milliseconds{20}) : duration(housekeeping_interval));
  tick_->async_wait([this](const error_code&) {
    loop_->engine().tick(clock::now());
    const bool is_anybody_reading =
        clock::now() < finishing_since_ + last_words_max && sessions_->lingering_count() != 0;
    if (is_finishing_ && session_count() == 0 && !is_anybody_reading) {
      loop_->stop();
      return;
    }
    schedule_tick();
  });
}

std::size_t session_count(const std::vector<std::unique_ptr<worker>>& workers) noexcept {
  std::size_t count = 0;
  for (const auto& worker : workers) count += worker->session_count();
  return count;
}

}  // namespace pgsteer::server
