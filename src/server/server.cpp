#include "pgsteer/server/server.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <system_error>
#include <thread>
#include <vector>

#include "pgsteer/admin/admin_server.hpp"
#include "pgsteer/base/log.hpp"
#include "pgsteer/base/usable_cores.hpp"
#include "pgsteer/fence/fence_memory.hpp"
#include "pgsteer/runtime/publication.hpp"
#include "server/acceptor.hpp"
#include "server/errc.hpp"
#include "server/host_limits.hpp"
#include "server/topology_keeper.hpp"
#include "server/views.hpp"
#include "server/worker.hpp"

namespace pgsteer::server {
namespace asio = boost::asio;
namespace {

// How often a drain looks whether the last session has ended.
constexpr auto drain_poll_interval = milliseconds{20};
constexpr auto log_grace = milliseconds{20};

constexpr std::array handled_signals{SIGTERM, SIGINT, SIGHUP};

sigset_t handled_signal_set() noexcept {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : handled_signals) sigaddset(&set, number);
  return set;
}

config::config fit_to_host(config::config options) {
  if (options.workers == 0) options.workers = usable_cores();
  runtime::limit_options& limits = options.runtime.limits;
  const descriptor_use wanted{.sessions = limits.sessions_max,
                              .workers = options.workers,
                              .by_each_worker = descriptors_per_worker(options.relay),
                              .lingering_by_each = options.runtime.lingering_max};
  const descriptor_use fitting = raise_open_files_limit(wanted);
  limits.sessions_max = fitting.sessions;
  options.runtime.lingering_max = fitting.lingering_by_each;
  limits.pending_logins_max = std::min(limits.pending_logins_max, limits.sessions_max);
  limits.held_logins_max = std::min(limits.held_logins_max, limits.pending_logins_max);
  return options;
}

double unix_now_seconds() {
  return in_seconds(std::chrono::system_clock::now().time_since_epoch());
}

}  // namespace

// Members are in the order of their lives: workers end before what their sessions refer to.
class server::implementation {
 public:
  explicit implementation(config::config options)
      : options_(fit_to_host(std::move(options))),
        shared_{permits_, cancels_, cancel_counters_,
                [this](topology::backend_id id, topology::hint noticed) { keeper_.note_hint(id, noticed); },
                awaited_},
        keeper_(
            context_, options_,
            [this](const runtime::used_topology& topology) {
              publish([&](runtime::state& next) { next.topology = topology; });
            },
            [this](const topology::fence_mark& mark) { fence_memory_.keep(mark); }),
        fence_memory_(context_, options_.state_dir, options_.topology.system,
                      [this](const std::optional<topology::fence_mark>& mark) { keeper_.remember(mark); }),
        publication_({.topology = {},
                      .options = std::make_shared<const runtime::options>(options_.runtime),
                      .orders = {},
                      .is_rw_closed = false}),
        signals_(context_),
        drain_timer_(context_) {
    awaited_.on_login = [this] {
      asio::post(context_, [this, now = clock::now()] { keeper_.story().note_login(now); });
    };
    keeper_.story().await_login = [this](topology::backend_id id) { awaited_.backend = id.value; };
    keeper_.story().count_logins = [this] { return count_logins(); };
  }

  ~implementation() {
    end_drain();  // nothing to end unless run() was left by an exception
    end_workers();
  }

  result<void> start() {
    failure_ = fence_memory_.recall();
    if (!failure_.empty()) return errc::cannot_start;
    if (const auto made = make_workers(); !made) return made.error();
    for (const auto& listener : options_.runtime.listeners) {
      if (const auto opened = open_listener(listener); !opened) return opened.error();
    }
    admin_ = std::make_unique<admin::admin_server>(context_, options_.admin, provider());
    const auto bound = admin_->start();
    if (!bound) return cannot_listen("admin", options_.admin.bind, bound.error());
    admin_address_ = *bound;
    if (const auto started = start_workers(); !started) return started.error();
    keeper_.start();
    on_accepting_thread([](acceptor& each) { each.start(); });
    log(log_level::info, "pgsteer started",
        {{"version", std::string_view(PGSTEER_VERSION)},
         {"workers", static_cast<std::int64_t>(workers_.size())},
         {"relay_engine", workers_.front()->engine_name()}});
    return {};
  }

  int run(bool handle_signals) {
    if (handle_signals) {
      for (const int number : handled_signals) signals_.add(number);
      wait_for_signal();
      const sigset_t handled = handled_signal_set();
      ::pthread_sigmask(SIG_UNBLOCK, &handled, nullptr);
    }
    context_.run();
    // The drain is over: a signal that comes now must not end the process before it ends itself.
    if (handle_signals) block_signals();
    end_workers();
    log(log_level::info, "pgsteer stopped");
    return 0;
  }

  void request_stop() {
    asio::post(context_, [this] { is_draining() ? end_drain() : begin_drain(); });
  }

  endpoint bound_endpoint(std::string_view name) const {
    if (name == "admin") return admin_address_;
    for (std::size_t i = 0; i < listeners_.size(); ++i) {
      if (listeners_[i]->counters.name == name) return acceptors_[i]->address();
    }
    return {};
  }

  std::string failure_;

 private:
  story::login_totals count_logins() const {
    story::login_totals totals;
    for (const auto& listener : listeners_) {
      totals.held += listener->counters.held_total.value();
      totals.released += listener->counters.hold_released.value();
      totals.expired += listener->counters.hold_expired.value();
      totals.stale_refused += listener->counters.stale_refused.value();
    }
    return totals;
  }

  // Where the kernel has memory for the rings of some workers only, all of them use epoll.
  result<void> make_workers() {
    relay::relay_options relay = options_.relay;
    while (workers_.size() < options_.workers) {
      auto made = worker::make(shared_, relay, publication_.newest());
      if (!made) {
        failure_ = "cannot set up the relay engine: " + made.error().message();
        return errc::cannot_start;
      }
      const bool is_alike = workers_.empty() || (*made)->engine_name() == workers_.front()->engine_name();
      if (!is_alike) {
        workers_.clear();
        relay.engine = relay::engine_choice::epoll;
        continue;
      }
      workers_.push_back(std::move(*made));
    }
    for (const auto& each : workers_) {
      publication_.add(
          [this, to = each.get()](const runtime::state_ptr& next, std::function<void()> on_taken) {
            if (!on_taken) return to->publish(next);
            to->publish(next, [this, taken = std::move(on_taken)] { asio::post(context_, taken); });
          });
    }
    return {};
  }

  // The state with this change.
  template <class Change>
  void publish(Change change) {
    runtime::state next = *publication_.newest();
    change(next);
    publication_.publish(std::move(next));
  }

  result<void> start_workers() {
    try {
      for (const auto& worker : workers_) worker->start();
    } catch (const std::system_error& error) {  // EAGAIN: pthread_create(3)
      failure_ = std::string("cannot start the thread of a worker: ") + error.what();
      return errc::cannot_start;
    }
    return {};
  }

  // A single worker accepts itself: there is nothing to choose.
  bool is_workers_own_acceptor() const { return workers_.size() == 1; }

  void on_accepting_thread(const std::function<void(acceptor&)>& action) {
    const auto on_each = [&] {
      for (const auto& each : acceptors_) action(*each);
    };
    if (is_workers_own_acceptor()) {
      workers_.front()->call(on_each);
    } else {
      on_each();
    }
  }

  result<void> open_listener(const runtime::listener_options& options) {
    asio::io_context& context = is_workers_own_acceptor() ? workers_.front()->context() : context_;
    const runtime::state_ptr& state =
        is_workers_own_acceptor() ? workers_.front()->state() : publication_.newest();
    auto socket = net::listen(context, options.bind);
    if (!socket) return cannot_listen("listener " + options.name, options.bind, socket.error());
    // Accepted sockets inherit them, which saves six system calls a session.
    if (const auto ec = net::configure(socket->native_handle(), options_.runtime.tcp))
      return cannot_listen("listener " + options.name, options.bind, ec);
    listeners_.push_back(std::make_unique<session::listener_state>(listeners_.size(), options.name));
    acceptors_.push_back(std::make_unique<acceptor>(context, std::move(*socket), *listeners_.back(), state,
                                                    permits_, workers_));
    const std::string address = to_string(acceptors_.back()->address());
    log(log_level::info, "listening",
        {{"listener", std::string_view(options.name)},
         {"address", std::string_view(address)},
         {"route", routing::to_string(options.policy.route)}});
    return {};
  }

  error_code cannot_listen(const std::string& who, const endpoint& where, const error_code& why) {
    failure_ = who + ": cannot listen on " + to_string(where) + ": " + why.message();
    return errc::cannot_listen;
  }

  view_sources sources() const {
    return {keeper_,  publication_,     fence_memory_, listeners_,         acceptors_,
            workers_, cancel_counters_, permits_,      start_time_seconds_};
  }

  admin::admin_provider provider() {
    admin::admin_provider provider;
    provider.metrics_text = [this] { return metrics::exposition(view_metrics(sources())); };
    provider.readiness = [this] { return view_readiness(sources()); };
    provider.topology = [this] { return view_topology(sources()); };
    provider.is_draining = [this] { return is_draining(); };
    return provider;
  }

  void wait_for_signal() {
    signals_.async_wait([this](const error_code& ec, int number) {
      if (ec) return;
      if (number == SIGHUP) {
        fence_memory_.reread();
      } else if (is_draining()) {
        // Whoever asks twice does not want to wait for sessions.
        log(log_level::warning, "second signal, exiting at once");
        // The workers still log, so the log cannot be taken down; its thread gets a moment to write this
        // line.
        std::this_thread::sleep_for(log_grace);
        std::_Exit(EXIT_FAILURE);
      } else {
        begin_drain();
      }
      wait_for_signal();
    });
  }

  void begin_drain() {
    order(runtime::drain_step::waiting);
    log(log_level::info, "draining: no new sessions, waiting for the present ones",
        {{"sessions", static_cast<std::int64_t>(session_count())},
         {"drain_timeout_seconds", in_seconds(options_.drain_timeout)}});
    on_accepting_thread([](acceptor& each) { each.stop(); });
    drain_deadline_ = clock::now() + options_.drain_timeout;
    poll_drain();
  }

  // Each session ends itself: session::review().
  void end_drain() { order(runtime::drain_step::ending); }

  void order(runtime::drain_step step) {
    if (publication_.newest()->orders.drain == step) return;
    publish([step](runtime::state& next) { next.orders.drain = step; });
  }
  bool is_draining() const { return publication_.newest()->orders.drain != runtime::drain_step::none; }

  void poll_drain() {
    if (session_count() == 0) {
      stop_control();
      return;
    }
    if (clock::now() >= drain_deadline_) end_drain();
    drain_timer_.expires_after(drain_poll_interval);
    drain_timer_.async_wait([this](const error_code& ec) {
      if (!ec) poll_drain();
    });
  }

  void stop_control() {
    keeper_.stop();
    admin_->stop();
    error_code ignored;
    signals_.cancel(ignored);
    context_.stop();
  }

  void end_workers() {
    for (const auto& worker : workers_) worker->finish();
    for (const auto& worker : workers_) worker->join();
  }

  std::size_t session_count() const {
    std::size_t count = 0;
    for (const auto& worker : workers_) count += worker->session_count();
    return count;
  }

  const config::config options_;
  const double start_time_seconds_ = unix_now_seconds();
  asio::io_context context_{1};
  login::permit_pools permits_;
  session::cancel_registry cancels_;
  metrics::cancel_counters cancel_counters_;
  session::awaited_login awaited_;
  session::worker_shared shared_;
  topology_keeper keeper_;
  fence::fence_memory fence_memory_;
  std::vector<std::unique_ptr<session::listener_state>> listeners_;
  runtime::publication publication_;  // outlives the workers, whose threads call it back
  std::vector<std::unique_ptr<worker>> workers_;
  std::vector<std::unique_ptr<acceptor>> acceptors_;
  std::unique_ptr<admin::admin_server> admin_;
  endpoint admin_address_;
  asio::signal_set signals_;
  asio::steady_timer drain_timer_;
  time_point drain_deadline_;
};

void block_signals() noexcept {
  const sigset_t handled = handled_signal_set();
  ::pthread_sigmask(SIG_BLOCK, &handled, nullptr);
}

server::server(config::config options)
    : implementation_(std::make_unique<implementation>(std::move(options))) {}
server::~server() = default;
result<void> server::start() {
  return implementation_->start();
}
const std::string& server::failure() const noexcept {
  return implementation_->failure_;
}
int server::run(bool handle_signals) {
  return implementation_->run(handle_signals);
}
void server::request_stop() {
  implementation_->request_stop();
}
endpoint server::bound_endpoint(std::string_view name) const {
  return implementation_->bound_endpoint(name);
}

}  // namespace pgsteer::server
