#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "config/load_document.hpp"
#include "config/parse_yaml.hpp"
#include "config/sections.hpp"
#include "config/units.hpp"
#include "pgsteer/config/config.hpp"

namespace pgsteer::config {
namespace {

// A thousand times a long file; bounds what a wrong path (a device, a dump) makes us read.
constexpr std::size_t file_bytes_max = 1U << 20U;

// What both sections only know together.
void check_role_ttl(section& cluster, section& probe, const config& out) {
  const bool is_sound =
      cluster.is_sound("role_ttl") && probe.is_sound("interval") && probe.is_sound("timeout");
  if (is_sound && out.topology.role_ttl < out.probe.interval + out.probe.timeout) {
    // Each probe's answer would be too old before the next one is in.
    const place at = cluster.has("role_ttl") ? cluster.place_of_value("role_ttl")
                     : probe.has("interval") ? probe.place_of_value("interval")
                                             : probe.place_of_value("timeout");
    const auto sum = duration_text(out.probe.interval + out.probe.timeout);
    cluster.file().report({at, "cluster.role_ttl", "at least probe.interval + probe.timeout (" + sum + ")",
                           duration_text(out.topology.role_ttl)});
  }
  if (cluster.is_sound("role_ttl") && cluster.is_sound("dead_after") &&
      out.topology.dead_after < out.topology.role_ttl) {
    cluster.report("dead_after", "at least role_ttl (" + duration_text(out.topology.role_ttl) + ")",
                   duration_text(out.topology.dead_after));
  }
}

// How long new rw logins are kept waiting without any fault must not fail them.
void check_holds(section& failover, config& out) {
  for (std::size_t i = 0; i < out.runtime.listeners.size(); ++i) {
    const runtime::listener_options& each = out.runtime.listeners[i];
    const std::string key = "listeners[" + std::to_string(i) + "].hold_timeout";
    if (!routing::needs_primary(each.policy.route) || !failover.file().is_sound(key)) continue;
    for (duration* const without_a_key : {&out.topology.switchover_hold, &out.topology.cnpg_settle})
      *without_a_key = std::min<duration>(*without_a_key, each.hold_timeout / 2);
    const duration settle = out.topology.settle.value_or(duration::zero());
    if (settle == duration::zero() || settle < each.hold_timeout) continue;
    failover.report(
        "settle",
        "less than the hold_timeout of listener " + each.name + " (" + duration_text(each.hold_timeout) + ")",
        duration_text(settle));
    return;
  }
}

// Listeners by name: their order in the file means nothing.
std::vector<setting> settings_of(const document& file,
                                 const std::vector<runtime::listener_options>& listeners) {
  constexpr std::string_view prefix = "listeners[";
  std::vector<setting> out = file.settings();
  for (setting& each : out) {
    if (!each.key.starts_with(prefix)) continue;
    const std::size_t size = each.key.find(']') - prefix.size();
    const auto index = parse_whole(std::string_view(each.key).substr(prefix.size(), size));
    each.key.replace(prefix.size(), size, listeners.at(index.value()).name);
  }
  return out;
}

config read_root(document& file, const YAML::Node& root) {
  config out;
  section keys(file, "", root);
  keys.require("cluster", "the section that names the backends");
  section cluster = keys.child("cluster");
  if (keys.has("cluster")) read_cluster(cluster, out);
  section failover = keys.child("failover");
  read_failover(failover, out.topology);
  section probe = keys.child("probe");
  read_probe(probe, out.probe);
  check_role_ttl(cluster, probe, out);
  read_listeners(keys, out);
  check_holds(failover, out);
  section control = keys.child("control");
  read_control(control, out.control);
  keys.whole_or_auto("workers", out.workers, {1, 256});
  keys.time("drain_timeout", out.drain_timeout, {seconds{0}, std::chrono::hours{24}});
  keys.time("drain_grace", out.drain_grace, {seconds{0}, std::chrono::hours{1}});
  keys.word(
      "reload_on_change", out.reload_on_change,
      {{"auto", reload_on_change::automatic}, {"on", reload_on_change::on}, {"off", reload_on_change::off}});
  section relay = keys.child("relay");
  read_relay(relay, out.relay);
  section limits = keys.child("limits");
  read_limits(limits, out.runtime);
  section tcp = keys.child("tcp");
  read_tcp(tcp, out.runtime.tcp);
  section log = keys.child("log");
  read_log(log, out.log);
  keys.finish();
  return out;
}

// The last line of defence: what this module let through, each owner would take as well.
void check_owners(document& file, const config& out) {
  const auto require = [&file](bool is_valid, std::string key) {
    if (!is_valid) file.report({{}, std::move(key), "options that work together", "some that do not"});
  };
  require(are_valid(out.topology), "cluster or failover");
  require(are_valid(out.discovery), "cluster.backends");
  require(are_valid(out.probe), "probe");
  require(are_valid(out.runtime), "listeners, limits or tcp");
  require(are_valid(out.relay), "relay");
  require(are_valid(out.admin), "admin");
  require(are_valid(out.control), "control");
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += (out.empty() ? "" : "\n") + line;
  return out;
}

[[noreturn]] void cannot_read(const std::string& path, const std::string& reason) {
  throw config_error({path + ": expected a readable configuration file, found " + reason});
}

}  // namespace

config_error::config_error(std::vector<std::string> problems)
    : std::runtime_error(joined(problems)), problems_(std::move(problems)) {}

config load_document(document& file, std::string_view text, const environment& variables) {
  const auto root = parse_yaml(file, std::string(text), variables);
  if (!root) return {};
  config out = read_root(file, *root);
  out.settings = settings_of(file, out.runtime.listeners);
  out.paths = file.paths();
  if (file.is_good()) check_owners(file, out);
  return out;
}

config load_text(std::string_view text, const std::string& name, const environment& variables) {
  document file(name);
  config out = load_document(file, text, variables);
  if (!file.is_good()) throw config_error(file.problem_lines());
  return out;
}

config load_file(const std::string& path) {
  std::error_code ec;
  if (std::filesystem::is_directory(path, ec)) cannot_read(path, "a directory");
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  if (!stream) cannot_read(path, std::generic_category().message(errno));
  std::string text(file_bytes_max + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad()) cannot_read(path, "a read error");
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (text.size() > file_bytes_max) cannot_read(path, "more than " + size_text(file_bytes_max));
  return load_text(text, path);
}

}  // namespace pgsteer::config
