// listeners, admin and control: what is bound, and where each listener's sessions go.
#include <algorithm>
#include <cctype>
#include <chrono>

#include "config/sections.hpp"
#include "config/units.hpp"
#include "config/yaml_text.hpp"

namespace pgsteer::config {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr std::string_view lag_expected =
    "none, a size (16MiB), a duration (10s) or a list of one of each ([16MiB, 10s])";
constexpr std::uint64_t lag_bytes_max = 1ULL << 40;
constexpr milliseconds lag_delay_max = hours{24};

// A metric label and a log field, so nothing that would need quoting there.
bool is_listener_name(std::string_view text) {
  return !text.empty() && text.size() <= 63 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '-' || c == '_';
  });
}

void read_name(section& keys, std::string& target) {
  const YAML::Node value = keys.node("name");
  if (!value.IsDefined()) return;
  if (!value.IsScalar() || !is_listener_name(value.Scalar())) {
    keys.report("name", "a name of 1 to 63 lower-case letters, digits, - and _");
  } else if (value.Scalar() == "admin") {
    keys.report("name", "a name other than admin, which is the admin port's");
  } else {
    target = value.Scalar();
  }
  keys.record("name", scalar_text(target));
}

// One bound of max_replay_lag; false if it is neither a size nor a duration, or a second one of its kind.
bool add_lag_bound(const YAML::Node& node, routing::route_policy& out) {
  if (!node.IsScalar()) return false;
  const auto bytes = parse_size(node.Scalar());
  const auto delay = parse_duration(node.Scalar());
  if (bytes && *bytes <= lag_bytes_max && !out.replay_lag_bytes_max) {
    out.replay_lag_bytes_max = *bytes;
  } else if (delay && *delay <= lag_delay_max && !out.replay_delay_max) {
    out.replay_delay_max = *delay;
  } else {
    return false;
  }
  return true;
}

void record_max_replay_lag(section& keys, const routing::route_policy& policy) {
  std::vector<std::string> bounds;
  if (policy.replay_lag_bytes_max) bounds.push_back(size_text(*policy.replay_lag_bytes_max));
  if (policy.replay_delay_max) bounds.push_back(duration_text(*policy.replay_delay_max));
  if (bounds.empty()) bounds.emplace_back("none");
  keys.record("max_replay_lag", bounds.size() == 1 ? bounds.front() : list_text(bounds));
}

void read_max_replay_lag(section& keys, routing::route_policy& out) {
  const YAML::Node value = keys.node("max_replay_lag");
  if (!value.IsDefined() || (value.IsScalar() && value.Scalar() == "none")) return;
  if (!keys.is_sound("max_replay_lag")) return;  // a variable in it
  bool is_good = true;
  if (value.IsSequence() && value.size() > 0) {
    for (const auto& each : value) is_good = is_good && add_lag_bound(each, out);
  } else {
    is_good = add_lag_bound(value, out);
  }
  const bool is_to_primary = keys.has("route") && keys.is_sound("route") && routing::needs_primary(out.route);
  if (!is_good) {
    const bool is_scalar = value.IsScalar();
    keys.report(
        "max_replay_lag", std::string(lag_expected),
        is_scalar ? in_quotes(value.Scalar()) + did_you_mean(size_meant(value.Scalar())) : std::string());
  } else if (is_to_primary) {
    keys.report("max_replay_lag", "none on a route to the primary, which never lags");
  }
}

void read_zone_imbalance_max(section& keys, routing::route_policy& out) {
  constexpr const char* name = "zone_imbalance_max";
  keys.whole_or_none(name, out.zone_imbalance_max, {1, 1000});
  const bool is_to_primary = keys.has("route") && keys.is_sound("route") && routing::needs_primary(out.route);
  if (!is_to_primary) return;
  if (keys.has(name) && out.zone_imbalance_max)
    keys.report(name, "none on a route to the primary, of which there is one");
  out.zone_imbalance_max.reset();
  keys.record(name, "none");
}

void read_listener(section& keys, runtime::listener_options& out) {
  keys.require("name", "a name");
  keys.require("bind", "an IP address and a port, or the folder of a Unix socket and a port");
  keys.require("route", "where sessions go, such as primary");
  read_name(keys, out.name);
  keys.bind_address_or_folder("bind", out.bind);
  keys.word("route", out.policy.route, routing::all_target_session_attrs);
  keys.word("balance", out.policy.balance, routing::all_balances);
  read_max_replay_lag(keys, out.policy);
  record_max_replay_lag(keys, out.policy);
  read_zone_imbalance_max(keys, out.policy);
  keys.time("hold_timeout", out.hold_timeout, {seconds{0}, minutes{10}});
  keys.finish();
}

// True if both cannot be bound at once. "[::]" takes IPv4 as well.
bool is_clash(const endpoint& a, const endpoint& b) {
  if (a.port != b.port || a.port == 0 || a.host.empty() || b.host.empty()) return false;
  if (is_unix_socket(a) || is_unix_socket(b)) return a.host == b.host;
  if (a.host == b.host || a.host == "::" || b.host == "::") return true;
  const bool is_same_family =
      (a.host.find(':') == std::string::npos) == (b.host.find(':') == std::string::npos);
  return is_same_family && (a.host == "0.0.0.0" || b.host == "0.0.0.0");
}

// Claims of listeners and the admin port that came before.
struct claims {
  std::vector<std::pair<std::string, endpoint>> addresses;  // path of the key, and what it binds

  void add(section& keys, const endpoint& bind) {
    for (const auto& [path, other] : addresses) {
      if (is_clash(bind, other)) {
        keys.report("bind", "an address that nothing else binds",
                    in_quotes(to_string(bind)) + ", taken by " + path);
        break;
      }
    }
    addresses.emplace_back(keys.path_of("bind"), bind);
  }
};

void check_names(section& keys, const std::vector<runtime::listener_options>& before,
                 const std::string& name) {
  const auto same = [&](const runtime::listener_options& each) { return each.name == name; };
  if (!name.empty() && std::any_of(before.begin(), before.end(), same))
    keys.report("name", "a name of its own", in_quotes(name) + " again");
}

}  // namespace

void read_listeners(section& keys, config& out) {
  claims taken;
  auto items = keys.list("listeners", "a list of at least one listener");
  if (items.size() > listeners_max) {
    keys.report("listeners", "at most " + std::to_string(listeners_max) + " listeners",
                std::to_string(items.size()));
    items.clear();
  }
  for (const list_item& item : items) {
    section listener(keys.file(), item.path, item.node);
    runtime::listener_options options;
    read_listener(listener, options);
    check_names(listener, out.runtime.listeners, options.name);
    taken.add(listener, options.bind);
    out.runtime.listeners.push_back(std::move(options));
  }
  keys.require("listeners", "a list of at least one listener");
  section admin = keys.child("admin");
  admin.bind_address("bind", out.admin.bind);
  admin.finish();
  taken.add(admin, out.admin.bind);
}

// The command that opens it may be run in another folder.
void read_control(section& keys, admin::control_options& out) {
  keys.file_path("socket", out.socket, path_rule::socket);
  if (keys.is_sound("socket") && !are_valid(out)) {
    keys.report("socket", "an absolute path of at most " + std::to_string(admin::control_path_bytes_max) +
                              " bytes, or \"\" for none");
  }
  keys.finish();
}

}  // namespace pgsteer::config
