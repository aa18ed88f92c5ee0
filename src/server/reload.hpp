#pragma once
// What of a new configuration this process cannot take in, and what the log says of the rest.
//
// Pure but for the log lines; control thread.
#include <string>
#include <vector>

#include "pgsteer/admin/control_server.hpp"
#include "pgsteer/config/config.hpp"
#include "pgsteer/metrics/server_counters.hpp"

namespace pgsteer::server {

// Sets back what only a new process can have: workers and relay.engine. Returns the keys of those that
// differed.
[[nodiscard]] std::vector<std::string> keep_until_restart(const config::config& present,
                                                          config::config& next);

// The configuration as YAML, and, as a comment, what this host does not allow.
[[nodiscard]] std::string config_in_force(const config::config& options, const runtime::options& fit);

// By the probes' logins, each time.
[[nodiscard]] bool is_read_by_probes(const config::named_path& named);
// The file is taken in anew when it has changed.
[[nodiscard]] bool reloads_on_change(const config::config& options, const std::string& file);

// One line for each change and each problem, and what became of it all.
void log_reload(const admin::reload_report& report);
void count_reload(const admin::reload_report& report, double unix_now_seconds,
                  metrics::reload_counters& counters) noexcept;

}  // namespace pgsteer::server
