#include "server/reload.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "pgsteer/base/log.hpp"

namespace pgsteer::server {

std::vector<std::string> keep_until_restart(const config::config& present, config::config& next) {
  std::vector<std::string> keys;
  if (std::exchange(next.workers, present.workers) != present.workers) keys.emplace_back("workers");
  if (std::exchange(next.relay.engine, present.relay.engine) != present.relay.engine)
    keys.emplace_back("relay.engine");
  for (const std::string& key : keys) {
    const auto of = [&key](auto& settings) {
      return std::ranges::find(settings, key, &config::setting::key);
    };
    const auto kept = of(present.settings);
    const auto changed = of(next.settings);
    if (kept != present.settings.end() && changed != next.settings.end()) changed->value = kept->value;
  }
  return keys;
}

std::string config_in_force(const config::config& options, const runtime::options& fit) {
  std::string comment;
  if (fit.limits.sessions_max != options.runtime.limits.sessions_max) {
    comment = "# limits.sessions is " + std::to_string(fit.limits.sessions_max) +
              " here: the limit of open files (ulimit -n) is too low for more\n";
  }
  return comment + config::to_yaml(options);
}

bool is_read_by_probes(const config::named_path& named) {
  return named.key.starts_with("probe.");
}

bool reloads_on_change(const config::config& options, const std::string& file) {
  if (options.reload_on_change != config::reload_on_change::automatic)
    return options.reload_on_change == config::reload_on_change::on;
  // Its files are links through ..data, which stands in the volume's root: pkg/volume/util/atomic_writer.go
  // of Kubernetes.
  std::error_code ignored;
  std::filesystem::path folder = std::filesystem::absolute(file, ignored).parent_path();
  for (; folder != folder.root_path(); folder = folder.parent_path())
    if (std::filesystem::is_symlink(folder / "..data", ignored)) return true;
  return false;
}

void log_reload(const admin::reload_report& report) {
  for (const std::string& problem : report.problems)
    log(log_level::error, "the new configuration cannot be used", {{"problem", std::string_view(problem)}});
  if (report.what != admin::reload_report::outcome::applied) {
    log(log_level::error, "configuration not reloaded: the present one stays",
        {{"problems", static_cast<std::int64_t>(report.problems.size())}});
    return;
  }
  for (const admin::reload_report::change& each : report.changes)
    log(log_level::info, "configuration changed",
        {{"key", std::string_view(each.key)},
         {"before", std::string_view(each.before)},
         {"after", std::string_view(each.after)}});
  for (const std::string& key : report.restart_keys)
    log(log_level::warning, "configuration changed, with effect at the next start only",
        {{"key", std::string_view(key)}});
  log(log_level::info, "configuration reloaded",
      {{"changes", static_cast<std::int64_t>(report.changes.size())}});
}

void count_reload(const admin::reload_report& report, double unix_now_seconds,
                  metrics::reload_counters& counters) noexcept {
  using outcome = admin::reload_report::outcome;
  counters.is_last_applied = report.what == outcome::applied;
  if (counters.is_last_applied) counters.last_applied_seconds = unix_now_seconds;
  switch (report.what) {
    case outcome::applied:
      ++counters.applied;
      return;
    case outcome::invalid:
      ++counters.invalid;
      return;
    case outcome::impossible:
      ++counters.impossible;
      return;
  }
}

}  // namespace pgsteer::server
