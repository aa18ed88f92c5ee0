#pragma once
// The admin HTTP listener: /metrics, /livez, /readyz, /api/v1/topology and the status page /. Read-only.
//
// Not part of the data plane; knows nothing but what the provider hands it. Lives on the control thread.
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pgsteer/admin/options.hpp"
#include "pgsteer/base/result.hpp"
#include "pgsteer/topology/snapshot.hpp"

namespace pgsteer::admin {

struct listener_readiness {
  std::string name;       // "rw"
  std::string address;    // "0.0.0.0:5432", with the real port
  std::string route;      // "primary"
  bool is_ready = false;  // a session could be routed now
  std::string reason;     // why not, in words; empty if ready
};

struct topology_view {
  topology::snapshot_ptr snapshot;
  std::vector<std::uint64_t> sessions;  // live ones, in the order of snapshot->backends
  time_point now;
};

// What the pages show; each is called on the control thread, once per request.
struct admin_provider {
  std::function<std::string()> metrics_text;
  std::function<std::vector<listener_readiness>()> readiness;
  std::function<topology_view()> topology;
  std::function<bool()> is_draining;  // /readyz then answers 503
};

class admin_server {
 public:
  admin_server(boost::asio::io_context& context, admin_options options, admin_provider provider);
  ~admin_server();
  admin_server(const admin_server&) = delete;
  admin_server& operator=(const admin_server&) = delete;

  // Binds and serves; returns the bound endpoint. Errors: what bind(2) or listen(2) returned.
  [[nodiscard]] result<endpoint> start();
  void stop();

 private:
  class implementation;
  std::shared_ptr<implementation> implementation_;
};

// The body of /api/v1/topology; design of its keys: README, "Admin API".
[[nodiscard]] std::string topology_json(const topology_view& view);

}  // namespace pgsteer::admin
