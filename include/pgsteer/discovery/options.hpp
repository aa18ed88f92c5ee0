#pragma once
// Where the backends come from; filled by config, checked here. Each kind of source has its options and three
// functions here, defined in its own file.
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/base/endpoint.hpp"

namespace boost::asio {
class io_context;
}

namespace pgsteer::discovery {

class source;  // source.hpp

// pgsteer's own zone: as configured, or unset for that of the environment variable POD_ZONE. Empty: none.
using zone_option = std::optional<std::string>;
// As a label's value in Kubernetes: 1 to 63 letters, digits, -, _ and ., the first and the last one not a
// mark.
[[nodiscard]] bool is_zone(std::string_view text);

// A fixed list. Names in it are resolved (first address), again every refresh.
struct static_options {
  std::vector<endpoint> backends;
  duration refresh = seconds{2};
  std::map<endpoint, std::string> zones = {};  // where they run, as far as it is known
  // Addresses that names have had so far, if another source is followed: then nothing is told before each
  // name has had an answer, or none, so that nobody is lost meanwhile. Not a key.
  std::optional<std::map<endpoint, std::string>> resolved = {};

  friend bool operator==(const static_options&, const static_options&) = default;
};
[[nodiscard]] bool are_valid(const static_options& options) noexcept;
[[nodiscard]] std::string to_string(const static_options& options);  // "static 10.0.0.1:5432 pg-2:5432"
[[nodiscard]] std::unique_ptr<source> make_source(boost::asio::io_context& context,
                                                  const static_options& options,
                                                  const zone_option& zone = {});

// Every A and AAAA record of one name is a backend.
struct dns_options {
  std::string name;
  std::uint16_t port = 5432;
  duration refresh = seconds{2};

  friend bool operator==(const dns_options&, const dns_options&) = default;
};
[[nodiscard]] bool are_valid(const dns_options& options) noexcept;
[[nodiscard]] std::string to_string(const dns_options& options);  // "dns pg.example:5432"
[[nodiscard]] std::unique_ptr<source> make_source(boost::asio::io_context& context,
                                                  const dns_options& options, const zone_option& zone = {});

// The pods that a label selector matches in one namespace, by the Kubernetes API. Empty: as in every pod.
struct kubernetes_options {
  std::string pod_namespace;   // the key is namespace
  std::string label_selector;  // exactly one of these two is set
  std::string cnpg_cluster;    // a CloudNativePG Cluster: its instances
  std::uint16_t port = 5432;
  std::string api_server;  // https://host:port
  std::string token_file;
  std::string ca_file;
  // Services whose EndpointSlices say in which zone a pod runs, where the pod itself does not carry the label
  // topology.kubernetes.io/zone, beside those of cnpg_cluster. One of pgsteer's own tells its own zone too.
  std::vector<std::string> zone_services;

  friend bool operator==(const kubernetes_options&, const kubernetes_options&) = default;
};
[[nodiscard]] bool are_valid(const kubernetes_options& options) noexcept;
// "kubernetes pods cnpg.io/cluster=pg in db, port 5432"
[[nodiscard]] std::string to_string(const kubernetes_options& options);
// Throws for nothing that its environment lacks: that is told in the log, and tried again.
[[nodiscard]] std::unique_ptr<source> make_source(boost::asio::io_context& context,
                                                  const kubernetes_options& options,
                                                  const zone_option& zone = {});
// Of the pods: label_selector, or that of cnpg_cluster's instances.
[[nodiscard]] std::string selector_of(const kubernetes_options& options);
// zone_services, and those that CloudNativePG makes for cnpg_cluster.
[[nodiscard]] std::vector<std::string> zone_services_of(const kubernetes_options& options);
// Whether this is a label selector as far as its characters and its size tell; the API server has the last
// word.
[[nodiscard]] bool is_label_selector(const std::string& text);
// https://host:port, nothing behind it.
[[nodiscard]] bool is_api_server(const std::string& url);

using discovery_options = std::variant<static_options, dns_options, kubernetes_options>;

[[nodiscard]] inline bool are_valid(const discovery_options& options) noexcept {
  return std::visit([](const auto& kind) { return are_valid(kind); }, options);
}

}  // namespace pgsteer::discovery
