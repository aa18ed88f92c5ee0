#pragma once
// The configuration file, YAML to validated option structs. The only place that knows yaml-cpp.
//
// Not a holder of defaults: those stand in each module's options.hpp. At start only; control thread.
#include <functional>
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

// A key of the file with its effective value: from the file, or the default, after all that follows from
// other keys. The key is a path in which a listener has its name ("listeners[rw].hold_timeout"); the value is
// YAML that the loader reads back to the same option ("500ms", "auto", "[16MiB, 10s]", "\"\"").
struct setting {
  std::string key;
  std::string value;

  friend bool operator==(const setting&, const setting&) = default;
};

// What must be true of a file or folder for whoever uses it.
enum class path_rule {
  readable_file,
  root_certificates,  // as that, or libpq's word "system": libpq-connect.html#LIBPQ-CONNECT-SSLROOTCERT
  private_key,        // closed to others, or libpq refuses it: libpq-ssl.html#LIBPQ-SSL-CLIENTCERT
  passfile,           // closed to others, or libpq ignores it: libpq-pgpass.html
  writable_folder,
  socket,  // to be made there
};
// A file or folder that the file names, and where it does, 1-based.
struct named_path {
  std::string key;
  std::string path;
  path_rule rule;
  int line;
  int column;
};

// Whether the configuration is taken in anew when its file has changed, without being told.
enum class reload_on_change {
  automatic,  // where the file lies in a Kubernetes volume, which is changed as a whole
  on,
  off,
};

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
  admin::control_options control;
  log_options log;
  unsigned workers = 0;                  // 0 ("auto"): one per core this process may run on
  duration drain_timeout = seconds{30};  // Kubernetes' terminationGracePeriodSeconds default
  duration drain_grace{};                // clients still come for so long, where others route them
  enum reload_on_change reload_on_change = reload_on_change::automatic;
  // Every key there is, as the options above have it, in reference.yaml's order. Of the sources of backends
  // only the one in use; the short form of static is shown as the long one. Nothing here is secret: a
  // password never stands in the file, only the path of the file that holds it.
  std::vector<setting> settings;
  // None that is left to a default, and none of a source that is not in use.
  std::vector<named_path> paths;
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

// The value of a variable; nothing if it is not set.
using environment = std::function<std::optional<std::string>(const std::string& name)>;
// getenv(3).
[[nodiscard]] std::optional<std::string> process_environment(const std::string& name);

// In values, ${NAME} stands for a variable of the environment. Throws config_error, also for a file that
// cannot be read.
[[nodiscard]] config load_file(const std::string& path);
// The same on text; name stands for the file in messages.
[[nodiscard]] config load_text(std::string_view text, const std::string& name,
                               const environment& variables = process_environment);

// Those of its files and folders that this process, as its user, cannot use just now; one problem a line, as
// in config_error. No reason not to start: secrets may be mounted later, and are read anew for each login.
// Opens the files; reads and writes nothing.
[[nodiscard]] std::vector<std::string> unusable_paths(const config& options, const std::string& name);

// A few lines for people: backends, probe, listeners, admin, workers. No secrets; ends in a newline.
[[nodiscard]] std::string summary(const config& options);

// A key whose effective value differs; empty on the side that does not have it.
struct change {
  std::string key;
  std::string before;
  std::string after;

  friend bool operator==(const change&, const change&) = default;
};
// In the file's order. A listener that one side lacks is one change: "listeners[NAME]", "BIND, ROUTE". The
// order of the listeners is no change, nor how something is written.
[[nodiscard]] std::vector<change> changes(const config& before, const config& after);

// All settings as a YAML document for people. load_text() reads it back to the same settings. No secrets, as
// they hold none.
[[nodiscard]] std::string to_yaml(const config& of);

}  // namespace pgsteer::config
