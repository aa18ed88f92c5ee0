#include "pgsteer/server/server.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <system_error>
#include <thread>
#include <vector>

#include "pgsteer/base/log.hpp"
#include "pgsteer/base/usable_cores.hpp"
#include "pgsteer/fence/fence_memory.hpp"
#include "pgsteer/net/file_watch.hpp"
#include "pgsteer/runtime/publication.hpp"
#include "server/config_loader.hpp"
#include "server/drain.hpp"
#include "server/errc.hpp"
#include "server/host_limits.hpp"
#include "server/listener_set.hpp"
#include "server/open_ports.hpp"
#include "server/reload.hpp"
#include "server/stop_signals.hpp"
#include "server/topology_keeper.hpp"
#include "server/views.hpp"
#include "server/worker.hpp"

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

unsigned worker_count(const config::config& options) {
  return options.workers == 0 ? usable_cores() : options.workers;
}

// What sessions go by: as configured, but for what this host does not allow.
runtime::options fit_to_host(const config::config& options) {
  runtime::options fit = options.runtime;
  const descriptor_use wanted{.sessions = fit.limits.sessions_max,
                              .workers = worker_count(options),
                              .by_each_worker = descriptors_per_worker(options.relay),
                              .lingering_by_each = fit.lingering_max};
  const descriptor_use fitting = raise_open_files_limit(wanted);
  runtime::limit_options& limits = fit.limits;
  limits.sessions_max = fitting.sessions;
  fit.lingering_max = fitting.lingering_by_each;
  limits.pending_logins_max = std::min(limits.pending_logins_max, limits.sessions_max);
  limits.held_logins_max = std::min(limits.held_logins_max, limits.pending_logins_max);
  return fit;
}

double unix_now_seconds() {
  return in_seconds(std::chrono::system_clock::now().time_since_epoch());
}

}  // namespace

// Members are in the order of their lives: workers end before what their sessions refer to.
class server::implementation {
 public:
  implementation(config::config options, config_source source)
      : options_(std::move(options)),
        config_file_(source.file),
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
                      .options = std::make_shared<const runtime::options>(fit_to_host(options_)),
                      .orders = {},
                      .is_rw_closed = false}),
        listeners_(context_, publication_, workers_, permits_),
        ports_(context_, listeners_, pages(), orders()),
        loader_(context_, std::move(source), [this] { return options_; }),
        files_(context_, [this](const std::vector<std::string>& changed) { on_changed_files(changed); }),
        drain_(context_, around_drain()),
        signals_(context_) {
    awaited_.on_login = [this] {
      asio::post(context_, [this, now = clock::now()] { keeper_.story().note_login(now); });
    };
    keeper_.story().await_login = [this](topology::backend_id id) { awaited_.backend = id.value; };
    keeper_.story().count_logins = [this] { return listeners_.count_logins(); };
  }

  ~implementation() {
    order_the_end();  // nothing to end unless run() was left by an exception
    end_workers();
    listeners_.destroy_sockets();
  }

  result<void> start() {
    failure_ = fence_memory_.recall();
    if (!failure_.empty()) return errc::cannot_start;
    if (const auto made = make_workers(); !made) return made.error();
    auto ports = ports_.prepare(options_);
    if (!ports) {
      failure_ = ports_.failure();
      return ports.error();
    }
    if (const auto started = start_workers(); !started) return started.error();
    keeper_.start();
    ports_.carry_out(std::move(*ports));
    watch_files();
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
    asio::post(context_, [this] { drain_.has_begun() ? drain_.hurry() : begin_drain(); });
  }

  void request_reload(std::function<void(const admin::reload_report&)> on_done) {
    asio::post(context_, [this, told = std::move(on_done)]() mutable { reload_all(std::move(told)); });
  }

  endpoint bound_endpoint(std::string_view name) const {
    return name == "admin" ? ports_.admin_address() : listeners_.address_of(name).value_or(endpoint{});
  }

  using on_reloaded = std::function<void(const admin::reload_report&)>;
  void reload(on_reloaded on_done) {
    loader_.load([this, told = std::move(on_done)](loaded_config loaded) {
      const log_options before = options_.log;
      admin::reload_report report = apply(std::move(loaded));
      // What has changed is told, also where the log is to say less from now on.
      change_logging({std::min(before.level, options_.log.level), options_.log.format});
      log_reload(report);
      change_logging(options_.log);
      // A pgsteer that stops takes in nothing, whatever is in the file.
      if (!drain_.has_begun()) count_reload(report, unix_now_seconds(), reloads_);
      if (told) told(report);
    });
  }

  std::string failure_;

 private:
  // All or nothing.
  admin::reload_report apply(loaded_config loaded) {
    using outcome = admin::reload_report::outcome;
    admin::reload_report report;
    const auto refuse = [&report](outcome why, std::vector<std::string> problems) {
      report = {};
      report.what = why;
      report.problems = std::move(problems);
      return std::move(report);
    };
    if (!loaded.problems.empty()) return refuse(outcome::invalid, std::move(loaded.problems));
    if (drain_.has_begun()) return refuse(outcome::impossible, {"pgsteer is stopping"});
    config::config& next = loaded.options;
    for (config::change& each : config::changes(options_, next))
      report.changes.push_back({std::move(each.key), std::move(each.before), std::move(each.after)});
    report.restart_keys = keep_until_restart(options_, next);
    auto ports = ports_.prepare(next);
    if (!ports) return refuse(outcome::impossible, {ports_.failure()});
    keeper_.rename_cluster(next.topology);
    fence_memory_.move_to({next.state_dir, loaded.folder, next.topology.system}, keeper_.mark());
    const config::config before = std::exchange(options_, std::move(next));
    take_in_options(before, std::move(*ports));
    return report;
  }

  // By options_ from now on.
  void take_in_options(const config::config& before, open_ports::change ports) {
    runtime::options fit = fit_to_host(options_);
    fit.listeners = ports.listeners.options;
    if (fit != *publication_.newest()->options) {
      publish([&](runtime::state& state) {
        state.options = std::make_shared<const runtime::options>(std::move(fit));
      });
    }
    ports_.carry_out(std::move(ports));
    if (options_.relay != before.relay) {
      for (const auto& worker : workers_) worker->retune(options_.relay);
    }
    watch_files();
    keeper_.change_options(before, options_);
  }

  // Where the kernel has memory for the rings of some workers only, all of them use epoll.
  result<void> make_workers() {
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

  admin::control_provider orders() {
    admin::control_provider provider;
    provider.reload = [this](on_reloaded on_done) { reload_all(std::move(on_done)); };
    provider.config_yaml = [this] { return config_in_force(options_, *publication_.newest()->options); };
    return provider;
  }

  void watch_files() {
    std::vector<std::string> files;
    if (!config_file_.empty()) files.push_back(config_file_);
    for (const config::named_path& each : options_.paths)
      if (is_read_by_probes(each)) files.push_back(each.path);
    files_.watch(files);
  }

  void on_changed_files(const std::vector<std::string>& changed) {
    const auto has_changed = [&](const std::string& file) {
      return std::ranges::find(changed, file) != changed.end();
    };
    const bool is_of_probes = std::ranges::any_of(options_.paths, [&](const config::named_path& each) {
      return is_read_by_probes(each) && has_changed(each.path);
    });
    if (is_of_probes) {
      log(log_level::info, "a file of the probe has changed: logging in anew");
      keeper_.renew_logins();
    }
    if (has_changed(config_file_) && reloads_on_change(options_, config_file_)) {
      log(log_level::info, "the configuration file has changed", {{"file", std::string_view(config_file_)}});
      reload({});
    }
  }

  // Also what an operator's `pgsteer fence` has written.
  void reload_all(on_reloaded on_done) {
    reload([this, told = std::move(on_done)](const admin::reload_report& report) {
      fence_memory_.reread();
      if (told) told(report);
    });
  }

  view_sources sources() const {
    return {keeper_,          publication_, fence_memory_, listeners_,         workers_,
            cancel_counters_, reloads_,     permits_,      start_time_seconds_};
  }

  admin::admin_provider pages() {
    admin::admin_provider provider;
    provider.metrics_text = [this] { return metrics::exposition(view_metrics(sources())); };
    provider.readiness = [this] { return view_readiness(sources()); };
    provider.topology = [this] { return view_topology(sources()); };
    provider.is_draining = [this] { return drain_.has_begun(); };
    provider.traffic = [this] { return view_traffic(sources()); };
    provider.history = [this]() -> const story::history& { return std::as_const(keeper_).story().history(); };
    return provider;
  }

  void wait_for_signal() {
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

  void on_stop_signal(int number) {
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

  void begin_drain() { drain_.begin({options_.drain_grace, options_.drain_timeout}); }

  drain::surroundings around_drain() {
    return {
        .publish =
            [this](const runtime::operator_orders& orders) {
              publish([&](runtime::state& next) { next.orders = orders; });
            },
        .close_listeners = [this](std::function<void()> on_closed) { listeners_.stop(std::move(on_closed)); },
        .session_count = [this] { return session_count(); },
        .on_over = [this] { stop_control(); }};
  }

  void stop_control() {
    keeper_.stop();
    ports_.stop();
    files_.stop();
    error_code ignored;
    signals_.cancel(ignored);
    context_.stop();
  }

  void order_the_end() {
    publish([](runtime::state& next) { next.orders.drain = runtime::drain_step::ending; });
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

  config::config options_;  // as configured
  const std::string config_file_;
  const double start_time_seconds_ = unix_now_seconds();
  asio::io_context context_{1};
  login::permit_pools permits_;
  session::cancel_registry cancels_;
  metrics::cancel_counters cancel_counters_;
  metrics::reload_counters reloads_{.last_applied_seconds = start_time_seconds_};
  session::awaited_login awaited_;
  session::worker_shared shared_;
  topology_keeper keeper_;
  fence::fence_memory fence_memory_;
  runtime::publication publication_;  // outlives the workers, whose threads call it back
  listener_set listeners_;            // and so do the listeners, whose clients they serve
  std::vector<std::unique_ptr<worker>> workers_;
  open_ports ports_;
  config_loader loader_;
  net::file_watch files_;
  drain drain_;
  asio::signal_set signals_;
  stop_signals stop_signals_;
};

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
void server::request_stop() {
  implementation_->request_stop();
}
endpoint server::bound_endpoint(std::string_view name) const {
  return implementation_->bound_endpoint(name);
}

}  // namespace pgsteer::server
