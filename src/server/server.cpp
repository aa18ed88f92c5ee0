#include "pgsteer/server/server.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <system_error>
#include <thread>

#include "pgsteer/base/log.hpp"
#include "pgsteer/base/usable_cores.hpp"
#include "server/activation.hpp"
#include "server/errc.hpp"
#include "server/implementation.hpp"
#include "server/reload.hpp"

namespace pgsteer::server {
namespace asio = boost::asio;
namespace {

constexpr auto log_grace = milliseconds{20};

constexpr std::array handled_signals{SIGTERM, SIGINT, SIGHUP};

sigset_t handled_signal_set() noexcept {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : handled_signals) sigaddset(&set, number);
  return set;
}

double unix_now_seconds() {
  return in_seconds(std::chrono::system_clock::now().time_since_epoch());
}

}  // namespace

unsigned worker_count(const config::config& options) {
  return options.workers == 0 ? usable_cores() : options.workers;
}

server::implementation::implementation(config::config options, config_source source)
    : options_(std::move(options)),
      source_(std::move(source)),
      start_time_seconds_(unix_now_seconds()),
      reloads_{.last_applied_seconds = start_time_seconds_},
      shared_{permits_,
              cancels_,
              cancel_counters_,
              [this](topology::backend_id id, topology::hint noticed) { keeper_.note_hint(id, noticed); },
              awaited_,
              session_ids_},
      keeper_(
          context_, options_,
          [this](const runtime::used_topology& topology) {
            publish([&](runtime::state& next) { next.topology = topology; });
            show_status();
          },
          [this](const topology::fence_mark& mark) { fence_memory_.keep(mark); }),
      fence_memory_(context_, options_.state_dir, options_.topology.system,
                    [this](const std::optional<topology::fence_mark>& mark) { keeper_.remember(mark); }),
      publication_({.topology = {},
                    .options = std::make_shared<const runtime::options>(fit_to_host(options_)),
                    .orders = {},
                    .is_rw_closed = false}),
      listeners_(context_, publication_, workers_, permits_),
      ports_(context_, listeners_, pages(), orders()),
      loader_(context_, source_, [this] { return options_; }),
      files_(context_, [this](const std::vector<std::string>& changed) { on_changed_files(changed); }),
      drain_(context_, around_drain()),
      signals_(context_),
      successor_(context_),
      hand_over_(context_, workers_, around_hand_over()) {
  awaited_.on_login = [this] {
    asio::post(context_, [this, now = clock::now()] { keeper_.story().note_login(now); });
  };
  keeper_.story().await_login = [this](topology::backend_id id) { awaited_.backend = id.value; };
  keeper_.story().count_logins = [this] { return listeners_.count_logins(); };
}

server::implementation::~implementation() {
  hand_over_.abandon();
  if (take_over_) take_over_->abandon();
  order_the_end();  // nothing to end unless run() was left by an exception
  end_workers();
  listeners_.destroy_sockets();
}

result<void> server::implementation::start() {
  failure_ = fence_memory_.recall();
  if (!failure_.empty()) return errc::cannot_start;
  if (const auto met = meet_predecessor(); !met) return met.error();
  if (const auto made = make_workers(); !made) return made.error();
  net::inherited_sockets given = take_over_ ? take_over_->take_sockets() : net::inherited_sockets();
  add_activated(options_.runtime.listeners, given);
  auto ports = ports_.prepare(options_, std::move(given));
  if (!ports) {
    failure_ = ports_.failure();
    if (take_over_) take_over_->refuse(failure_);
    return ports.error();
  }
  if (const auto started = start_workers(); !started) return started.error();
  if (take_over_) keeper_.resume(take_over_->offer().topology);
  keeper_.start();
  watch_files();
  if (!take_over_) {
    open(std::move(*ports));
  } else {
    ports_to_open_ = std::move(*ports);
    take_over_->begin();
  }
  return {};
}

void server::implementation::open(open_ports::change ports) {
  ports_.carry_out(std::move(ports));
  manager_.ready();
  log(log_level::info, "pgsteer started",
      {{"version", std::string_view(PGSTEER_VERSION)},
       {"workers", static_cast<std::int64_t>(workers_.size())},
       {"relay_engine", workers_.front()->engine_name()}});
}

int server::implementation::run(bool handle_signals) {
  if (handle_signals) {
    for (const int number : handled_signals) signals_.add(number);
    wait_for_signal();
    const sigset_t handled = handled_signal_set();
    ::pthread_sigmask(SIG_UNBLOCK, &handled, nullptr);
  }
  context_.run();
  // The drain is over: a signal that comes now must not end the process before it ends itself.
  if (handle_signals) block_signals();
  hand_over_.abandon();
  if (take_over_) take_over_->abandon();
  end_workers();
  log(log_level::info, "pgsteer stopped");
  return exit_code_;
}

void server::implementation::request_stop() {
  asio::post(context_, [this] { drain_.has_begun() ? drain_.hurry() : begin_drain(); });
}

void server::implementation::request_reload(on_reloaded on_done) {
  asio::post(context_, [this, told = std::move(on_done)]() mutable { reload_all(std::move(told)); });
}

void server::implementation::request_upgrade(const std::string& binary, on_upgraded on_done) {
  asio::post(context_,
             [this, binary, told = std::move(on_done)]() mutable { upgrade(binary, std::move(told)); });
}

endpoint server::implementation::bound_endpoint(std::string_view name) const {
  return name == "admin" ? ports_.admin_address() : listeners_.address_of(name).value_or(endpoint{});
}

// Where the kernel has memory for the rings of some workers only, all of them use epoll.
result<void> server::implementation::make_workers() {
  relay::relay_options relay = options_.relay;
  while (workers_.size() < worker_count(options_)) {
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
    publication_.add([this, to = each.get()](const runtime::state_ptr& next, std::function<void()> on_taken) {
      if (!on_taken) return to->publish(next);
      to->publish(next, [this, taken = std::move(on_taken)] { asio::post(context_, taken); });
    });
  }
  return {};
}

result<void> server::implementation::start_workers() {
  try {
    for (const auto& worker : workers_) worker->start();
  } catch (const std::system_error& error) {  // EAGAIN: pthread_create(3)
    failure_ = std::string("cannot start the thread of a worker: ") + error.what();
    return errc::cannot_start;
  }
  return {};
}

admin::control_provider server::implementation::orders() {
  admin::control_provider provider;
  provider.reload = [this](on_reloaded on_done) { reload_all(std::move(on_done)); };
  provider.config_yaml = [this] { return config_in_force(options_, *publication_.newest()->options); };
  provider.upgrade = [this](const std::string& binary, on_upgraded on_done) {
    upgrade(binary, std::move(on_done));
  };
  provider.order_backend = [this](const admin::backend_order& wanted) { return order_backend(wanted); };
  provider.drain = [this] { return order_drain(); };
  provider.why_no_hand_over = [this] { return why_no_hand_over(); };
  provider.hand_over = [this](net::unique_fd connected) {
    if (why_no_hand_over().empty()) hand_over_.begin(std::move(connected));
  };
  provider.sessions = [this](admin::session_list_taker taker) { list_sessions(std::move(taker)); };
  provider.kill_session = [this](const std::string& id, on_killed on_done) {
    kill_session(id, std::move(on_done));
  };
  return provider;
}

view_sources server::implementation::sources() const {
  return {keeper_,          publication_, fence_memory_, listeners_,         workers_,
          cancel_counters_, reloads_,     permits_,      start_time_seconds_};
}

admin::admin_provider server::implementation::pages() {
  admin::admin_provider provider;
  provider.metrics_text = [this] { return metrics::exposition(view_metrics(sources())); };
  provider.readiness = [this] { return view_readiness(sources()); };
  provider.topology = [this] { return view_topology(sources()); };
  provider.is_draining = [this] { return drain_.has_begun(); };
  provider.traffic = [this] { return view_traffic(sources()); };
  provider.history = [this]() -> const story::history& { return std::as_const(keeper_).story().history(); };
  return provider;
}

void server::implementation::wait_for_signal() {
  signals_.async_wait([this](const error_code& ec, int number) {
    if (ec) return;
    if (number == SIGHUP) {
      reload_all({});
    } else {
      on_stop_signal(number);
    }
    wait_for_signal();
  });
}

void server::implementation::on_stop_signal(int number) {
  switch (stop_signals_.take(number, clock::now())) {
    case stop_signals::meaning::begin:
      begin_drain();
      break;
    case stop_signals::meaning::nothing_new:
      log(log_level::info, "signal ignored, pgsteer is draining already");
      break;
    case stop_signals::meaning::impatience:
      log(log_level::warning, "another signal, exiting at once");
      // The workers still log, so the log cannot be taken down; its thread gets a moment to write this
      // line.
      std::this_thread::sleep_for(log_grace);
      std::_Exit(EXIT_FAILURE);
  }
}

void server::implementation::begin_drain() {
  // Whose the sessions are is settled first, within seconds.
  is_stop_wanted_ = true;
  if (hand_over_.has_given_sockets() && !are_sessions_left_) {
    log(log_level::info, "handing over: pgsteer stops once that is done");
    return;
  }
  // What another process has taken over is no service that stops.
  if (!are_sockets_anothers_) manager_.stopping(options_.drain_grace + options_.drain_timeout);
  drain_.begin({options_.drain_grace, options_.drain_timeout});
  show_status();
}

void server::implementation::show_status() {
  if (!are_sockets_anothers_) manager_.show(view_service(sources()), clock::now());
}

drain::surroundings server::implementation::around_drain() {
  return {.publish =
              [this](const runtime::operator_orders& orders) {
                publish([&](runtime::state& next) { next.orders = orders; });
              },
          .close_listeners =
              [this](std::function<void()> on_closed) {
                // What is to become of the clients that wait there is for the other process to say.
                if (are_sockets_anothers_) return asio::post(context_, std::move(on_closed));
                listeners_.stop(std::move(on_closed));
              },
          .session_count = [this] { return session_count(workers_); },
          .on_over = [this] { stop_control_when_told(clock::now() + telling_time); }};
}

void server::implementation::stop_control() {
  keeper_.stop();
  ports_.stop();
  files_.stop();
  error_code ignored;
  signals_.cancel(ignored);
  context_.stop();
}

void server::implementation::order_the_end() {
  publish([](runtime::state& next) { next.orders.drain = runtime::drain_step::ending; });
}

void server::implementation::end_workers() {
  for (const auto& worker : workers_) worker->finish();
  for (const auto& worker : workers_) worker->join();
}

void block_signals() noexcept {
  const sigset_t handled = handled_signal_set();
  ::pthread_sigmask(SIG_BLOCK, &handled, nullptr);
}

server::server(config::config options, config_source source)
    : implementation_(std::make_unique<implementation>(std::move(options), std::move(source))) {}
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
void server::request_reload(std::function<void(const admin::reload_report&)> on_done) {
  implementation_->request_reload(std::move(on_done));
}
void server::request_upgrade(const std::string& binary,
                             std::function<void(const admin::upgrade_report&)> on_done) {
  implementation_->request_upgrade(binary, std::move(on_done));
}
void server::request_stop() {
  implementation_->request_stop();
}
endpoint server::bound_endpoint(std::string_view name) const {
  return implementation_->bound_endpoint(name);
}

}  // namespace pgsteer::server
