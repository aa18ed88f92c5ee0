// cluster: where the backends come from, whose they are, and how long knowledge of them is good for; and
// failover: when a new primary is used.
#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <limits>

#include "config/address.hpp"
#include "config/sections.hpp"
#include "config/units.hpp"
#include "config/yaml_text.hpp"
#include "pgsteer/topology/options.hpp"

namespace pgsteer::config {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr std::uint16_t postgresql_port = 5432;
constexpr time_range refresh_range{milliseconds{100}, hours{1}};
constexpr std::string_view addresses_expected =
    "a list of backends such as [\"10.0.0.1:5432\", \"pg-2.example:5432\"]";

std::optional<endpoint> backend_of(const list_item& item) {
  if (!item.node.IsScalar()) return std::nullopt;
  const auto value = parse_endpoint(item.node.Scalar(), postgresql_port);
  if (!value || value->port == 0) return std::nullopt;
  if (!is_ip_literal(value->host) && !is_host_name(value->host) && !is_unix_folder(*value))
    return std::nullopt;
  return *value;
}

constexpr const char* zone_expected =
    "a zone's name of 1 to 63 letters, digits, -, _ and ., a letter or a digit at both ends";

// A text that passes the check; anything else is a problem.
struct text_form {
  bool (*is_good)(const std::string&);
  const char* expected;
  bool may_be_empty = false;
};
void take_text(section& keys, std::string_view name, std::string& target, const text_form& form) {
  const YAML::Node value = keys.node(name);
  if (!value.IsDefined()) return;
  const bool is_default = form.may_be_empty && value.IsScalar() && value.Scalar().empty();
  if (is_default || (value.IsScalar() && form.is_good(value.Scalar()))) {
    target = value.Scalar();
  } else {
    keys.report(name, form.expected);
  }
}
void read_text(section& keys, std::string_view name, std::string& target, const text_form& form) {
  take_text(keys, name, target, form);
  // Not empty where the file may not have it so: then another key stands in its place.
  if (form.may_be_empty || !target.empty()) keys.record(name, scalar_text(target));
}

// Not one either that is meant to be a word: OFF, or what YAML calls true and false.
bool is_zone_name(const std::string& text) {
  constexpr std::array words{"auto", "off", "on", "no", "yes", "true", "false", "none", "null"};
  std::string small = text;
  std::ranges::transform(small, small.begin(), [](unsigned char c) { return std::tolower(c); });
  return discovery::is_zone(text) && std::ranges::find(words, small) == words.end();
}

// One backend of the list: host:port, or { address: host:port, zone: NAME }.
struct static_entry {
  list_item address;
  std::string zone;
};
static_entry entry_of(document& file, const list_item& item) {
  if (!item.node.IsMap()) return {item, {}};
  section keys(file, item.path, item.node);
  keys.require("address", "host:port");
  static_entry out{{keys.path_of("address"), keys.node("address")}, {}};
  take_text(keys, "zone", out.zone, {is_zone_name, zone_expected});
  keys.finish();
  return out;
}

void read_addresses(section& keys, std::string_view name, discovery::static_options& options) {
  std::vector<endpoint>& out = options.backends;
  const auto items = keys.list(name, addresses_expected);
  if (items.size() > topology::backends_max) {
    keys.report(name, "at most " + std::to_string(topology::backends_max) + " backends",
                std::to_string(items.size()));
    return;
  }
  for (const list_item& item : items) {
    const static_entry entry = entry_of(keys.file(), item);
    if (!entry.address.node.IsDefined()) continue;
    const place at = place_of(entry.address.node.Mark());
    const auto backend = backend_of(entry.address);
    if (!backend) {
      keys.file().report({at, entry.address.path,
                          "host:port with a host name, an IP address or the folder of a Unix socket such as "
                          "/run/postgresql, and a port from 1 to 65535",
                          describe(entry.address.node)});
    } else if (std::find(out.begin(), out.end(), *backend) != out.end()) {
      keys.file().report(
          {at, entry.address.path, "each backend once", in_quotes(to_string(*backend)) + " again"});
    } else {
      out.push_back(*backend);
      if (!entry.zone.empty()) options.zones.emplace(*backend, entry.zone);
    }
  }
}

// Under the key of the long form, whichever the file uses.
void record_addresses(section& backends, const discovery::static_options& options) {
  std::vector<std::string> items;
  for (const endpoint& each : options.backends) {
    const auto zone = options.zones.find(each);
    const std::string address = scalar_text(to_string(each));
    items.push_back(zone == options.zones.end()
                        ? address
                        : "{ address: " + address + ", zone: " + scalar_text(zone->second) + " }");
  }
  backends.record("static.addresses", list_text(items));
}

// static: [...], or static: { addresses: [...], refresh: 2s }.
void read_static(section& backends, discovery::static_options& out) {
  const YAML::Node value = backends.node("static");
  if (value.IsDefined() && !value.IsMap()) {
    read_addresses(backends, "static", out);
    record_addresses(backends, out);
    backends.record("static.refresh", duration_text(out.refresh));
    return;
  }
  section keys = backends.child("static");
  read_addresses(keys, "addresses", out);
  record_addresses(backends, out);
  keys.time("refresh", out.refresh, refresh_range);
  if (value.IsDefined()) keys.require("addresses", addresses_expected);
  keys.finish();
}

void read_dns_name(section& keys, std::string& target) {
  const YAML::Node value = keys.node("name");
  if (!value.IsDefined()) return;
  if (value.IsScalar() && is_host_name(value.Scalar())) {
    target = value.Scalar();
  } else if (value.IsScalar() && is_ip_literal(value.Scalar())) {
    keys.report("name", "a host name (addresses go under static)");
  } else {
    keys.report("name", "a host name without a port");
  }
}

void read_dns(section& backends, discovery::dns_options& out) {
  const bool is_present = backends.has("dns");
  section keys = backends.child("dns");
  read_dns_name(keys, out.name);
  keys.record("name", scalar_text(out.name));
  keys.whole("port", out.port, {1, 65535});
  keys.time("refresh", out.refresh, refresh_range);
  if (is_present) keys.require("name", "a host name");
  keys.finish();
}

constexpr const char* kubernetes_name_expected = "a name of 1 to 63 lower-case letters, digits and -";
constexpr std::size_t zone_services_max = 16;  // they go into a URL

// A label of DNS: RFC 1123 section 2.1, in lower case as Kubernetes wants it.
bool is_kubernetes_name(const std::string& text) {
  constexpr std::string_view inner = "abcdefghijklmnopqrstuvwxyz0123456789-";
  return !text.empty() && text.size() <= 63 && text.find_first_not_of(inner) == std::string::npos &&
         text.front() != '-' && text.back() != '-';
}

void read_services(section& keys, std::vector<std::string>& out) {
  const YAML::Node value = keys.node("zone_services");
  if (!value.IsDefined() || (value.IsSequence() && value.size() == 0)) return;
  constexpr const char* expected = "a list of Services such as [\"pg-r\", \"pgsteer\"]";
  for (const list_item& item : keys.list("zone_services", expected)) {
    if (out.size() == zone_services_max) {
      keys.report("zone_services", "at most " + std::to_string(zone_services_max) + " Services",
                  std::to_string(value.size()));
      return;
    }
    if (item.node.IsScalar() && is_kubernetes_name(item.node.Scalar())) {
      out.push_back(item.node.Scalar());
    } else {
      keys.file().report(
          {place_of(item.node.Mark()), item.path, kubernetes_name_expected, describe(item.node)});
    }
  }
}

void read_kubernetes(section& backends, discovery::kubernetes_options& out) {
  const bool is_present = backends.has("kubernetes");
  section keys = backends.child("kubernetes");
  read_text(keys, "namespace", out.pod_namespace, {is_kubernetes_name, kubernetes_name_expected, true});
  read_text(keys, "label_selector", out.label_selector,
            {discovery::is_label_selector, "a label selector such as \"cnpg.io/cluster=pg\""});
  read_text(keys, "cnpg_cluster", out.cnpg_cluster, {is_kubernetes_name, kubernetes_name_expected});
  keys.whole("port", out.port, {1, 65535});
  read_text(keys, "api_server", out.api_server,
            {discovery::is_api_server, "https://host:port with a host name or an IP address, or \"\"", true});
  keys.file_path("token_file", out.token_file);
  keys.file_path("ca_file", out.ca_file);
  read_services(keys, out.zone_services);
  keys.record("zone_services", list_text(scalar_texts(out.zone_services)));
  if (keys.has("label_selector") && keys.has("cnpg_cluster")) {
    const place at = std::max(keys.place_of_key("label_selector"), keys.place_of_key("cnpg_cluster"));
    keys.file().report({at, keys.path(), "exactly one of label_selector and cnpg_cluster", "both"});
  } else if (is_present && !keys.has("cnpg_cluster")) {
    keys.require("label_selector", "which pods, or cnpg_cluster");
  }
  keys.finish();
}

void read_backends(section& keys, discovery::discovery_options& out) {
  std::vector<std::string> named;
  const auto read = [&]<class Options>(const char* name, void (*read_keys)(section&, Options&)) {
    Options options;
    read_keys(keys, options);
    if (!keys.has(name)) {
      keys.file().forget(keys.path_of(name));
      return;
    }
    named.emplace_back(name);
    out = std::move(options);
  };
  read("static", read_static);
  read("dns", read_dns);
  read("kubernetes", read_kubernetes);
  if (named.size() > 1) {
    const place at = std::max(keys.place_of_key(named[0]), keys.place_of_key(named[1]));
    keys.file().report({at, keys.path(), "exactly one source", "both " + named[0] + " and " + named[1]});
  } else if (named.empty()) {
    keys.file().report({keys.at(), keys.path(), "a source: static, dns or kubernetes", "none"});
  }
  keys.finish();
}

// auto, off or a name.
void read_own_zone(section& keys, discovery::zone_option& out) {
  const YAML::Node value = keys.node("zone");
  const std::string text = value.IsDefined() && value.IsScalar() ? value.Scalar() : "";
  if (text == "off") {
    out = "";
  } else if (is_zone_name(text)) {
    out = text;
  } else if (value.IsDefined() && text != "auto") {
    keys.report("zone", "auto, off or " + std::string(zone_expected));
  }
  keys.record("zone", !out ? "auto" : out->empty() ? "off" : scalar_text(*out));
}

// With dns backends have no zone to be compared with.
void check_own_zone(section& keys, const config& out) {
  if (out.zone && !out.zone->empty() && std::holds_alternative<discovery::dns_options>(out.discovery))
    keys.report("zone", "auto or off with dns, which tells no zones");
}

}  // namespace

void read_cluster(section& keys, config& out) {
  keys.require("backends", "a source of backends: static, dns or kubernetes");
  if (keys.has("backends")) {
    section backends = keys.child("backends");
    read_backends(backends, out.discovery);
  }
  read_own_zone(keys, out.zone);
  check_own_zone(keys, out);
  keys.whole_or_auto("system_identifier", out.topology.system.value,
                     {1, std::numeric_limits<std::uint64_t>::max()});
  keys.file_path("state_dir", out.state_dir, path_rule::writable_folder);
  keys.time("role_ttl", out.topology.role_ttl, {milliseconds{100}, minutes{10}});
  keys.time("dead_after", out.topology.dead_after, {seconds{1}, hours{24}});
  keys.word("smart_shutdown", out.topology.smart_shutdown, topology::all_smart_shutdowns);
  keys.time("encrypted_idle_time", out.runtime.encrypted_idle_time, {milliseconds{10}, hours{24}});
  if (const auto* const pods = std::get_if<discovery::kubernetes_options>(&out.discovery))
    out.topology.is_cnpg_cluster = !pods->cnpg_cluster.empty();
  keys.finish();
}

void read_failover(section& keys, topology::topology_options& out) {
  constexpr time_range range{milliseconds{10}, minutes{10}};
  const YAML::Node value = keys.node("settle");
  const std::string text = value.IsDefined() && value.IsScalar() ? value.Scalar() : "";
  if (text == "off") {
    out.settle = duration::zero();
  } else if (const auto length = parse_duration(text);
             length && *length >= range.min && *length <= range.max) {
    out.settle = *length;
  } else if (value.IsDefined() && text != "auto") {
    keys.report("settle", "auto, off or a duration from " + duration_text(range.min) + " to " +
                              duration_text(range.max));
  }
  const bool is_off = out.settle == duration::zero();
  keys.record("settle", !out.settle ? "auto" : is_off ? "off" : duration_text(*out.settle));
  keys.finish();
}

}  // namespace pgsteer::config
