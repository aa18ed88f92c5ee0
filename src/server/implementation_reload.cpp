// How the proxy takes a changed configuration in: all or nothing, in place.
#include <algorithm>
#include <chrono>

#include "pgsteer/base/log.hpp"
#include "pgsteer/base/usable_cores.hpp"
#include "server/host_limits.hpp"
#include "server/implementation.hpp"
#include "server/reload.hpp"

namespace pgsteer::server {

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

void server::implementation::reload(on_reloaded on_done) {
  manager_.reloading(clock::now());
  loader_.load([this, told = std::move(on_done)](loaded_config loaded) {
    const log_options before = options_.log;
    admin::reload_report report = apply(std::move(loaded));
    // What has changed is told, also where the log is to say less from now on.
    change_logging({std::min(before.level, options_.log.level), options_.log.format});
    log_reload(report);
    change_logging(options_.log);
    // A pgsteer that stops takes in nothing, whatever is in the file.
    if (!drain_.has_begun())
      count_reload(report, in_seconds(std::chrono::system_clock::now().time_since_epoch()), reloads_);
    manager_.reloaded();
    if (told) told(report);
  });
}

// All or nothing.
admin::reload_report server::implementation::apply(loaded_config loaded) {
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
  if (hand_over_.is_under_way() || take_over_)
    return refuse(outcome::impossible, {"a hand-over to another process is under way"});
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
void server::implementation::take_in_options(const config::config& before, open_ports::change ports) {
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

void server::implementation::watch_files() {
  std::vector<std::string> files;
  if (!source_.file.empty()) files.push_back(source_.file);
  for (const config::named_path& each : options_.paths)
    if (is_read_by_probes(each)) files.push_back(each.path);
  files_.watch(files);
}

void server::implementation::on_changed_files(const std::vector<std::string>& changed) {
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
  if (has_changed(source_.file) && reloads_on_change(options_, source_.file)) {
    log(log_level::info, "the configuration file has changed", {{"file", std::string_view(source_.file)}});
    reload({});
  }
}

void server::implementation::reload_all(on_reloaded on_done) {
  reload([this, told = std::move(on_done)](const admin::reload_report& report) {
    fence_memory_.reread();
    if (told) told(report);
  });
}

}  // namespace pgsteer::server
