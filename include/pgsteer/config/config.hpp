#pragma once
// The configuration file, YAML to validated option structs. The only place that knows yaml-cpp.
//
// Not a holder of defaults: those stand in each module's options.hpp. At start only; control thread.
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "pgsteer/admin/options.hpp"
#include "pgsteer/base/clock.hpp"
#include "pgsteer/base/log.hpp"
#include "pgsteer/discovery/options.hpp"
#include "pgsteer/probe/options.hpp"
#include "pgsteer/relay/options.hpp"
#include "pgsteer/runtime/options.hpp"
#include "pgsteer/topology/options.hpp"

namespace pgsteer::config {

// A config that exists is valid.
struct config {
  discovery::discovery_options discovery;
  discovery::zone_option zone;  // pgsteer's own
  topology::topology_options topology;
  std::string state_dir;  // where the fence is remembered over restarts; empty: nowhere
  probe::probe_options probe;
  runtime::options runtime;
  relay::relay_options relay;
  admin::admin_options admin;
  log_options log;
  unsigned workers = 0;                  // 0 ("auto"): one per core this process may run on
  duration drain_timeout = seconds{30};  // Kubernetes' terminationGracePeriodSeconds default
};

// All that is wrong with a file, in the file's order, one problem a line:
//   pgsteer.yaml:7:15: probe.interval: expected a duration such as 500ms, found "fast"
class config_error : public std::runtime_error {
 public:
  explicit config_error(std::vector<std::string> problems);
  [[nodiscard]] const std::vector<std::string>& problems() const noexcept { return problems_; }

 private:
  std::vector<std::string> problems_;
};

// Throws config_error, also for a file that cannot be read.
[[nodiscard]] config load_file(const std::string& path);
// The same on text; name stands for the file in messages.
[[nodiscard]] config load_text(std::string_view text, const std::string& name);

// A few lines for people: backends, probe, listeners, admin, workers. No secrets; ends in a newline.
[[nodiscard]] std::string summary(const config& options);

}  // namespace pgsteer::config
