#pragma once
// The admin HTTP listener: /metrics, /livez, /readyz, /api/v1/{topology,traffic,failovers} and the status
// page
// /. Read-only.
//
// Not part of the data plane; knows nothing but what the provider hands it. Lives on the control thread.
#include <array>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pgsteer/admin/options.hpp"
#include "pgsteer/base/clock.hpp"
#include "pgsteer/base/result.hpp"
#include "pgsteer/net/unique_fd.hpp"
#include "pgsteer/story/history.hpp"
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
  std::string own_zone = {};  // pgsteer's; empty: not known
};

// Totals are since the process started; who asks twice works out what happened in between.
struct listener_traffic {
  std::uint64_t sessions = 0;  // live ones
  std::uint64_t accepted = 0;
  std::uint64_t rejected = 0;
  std::uint64_t held = 0;  // logins that wait now
  std::uint64_t held_total = 0;
  std::uint64_t released = 0;
  std::uint64_t expired = 0;
  std::array<std::uint64_t, 2> bytes{};  // to the backends, to the clients
};

struct backend_traffic {
  topology::backend_id id;
  std::uint64_t sessions = 0;  // live ones
  std::uint64_t sessions_total = 0;
  std::uint64_t dial_failures = 0;
};

struct traffic_view {
  time_point now;
  double start_time_seconds = 0;            // Unix epoch
  double unix_now_seconds = 0;              // likewise
  std::vector<listener_traffic> listeners;  // in the order of readiness
  std::vector<backend_traffic> backends;    // in the order of topology
};

// What the pages show; each is called on the control thread, once per request.
struct admin_provider {
  std::function<std::string()> metrics_text;
  std::function<std::vector<listener_readiness>()> readiness;
  std::function<topology_view()> topology;
  std::function<bool()> is_draining;  // /readyz then answers 503
  std::function<traffic_view()> traffic;
  std::function<const story::history&()> history;
};

// Bounds on what a peer of the admin port can hold; not configurable, injected by tests.
struct admin_limits {
  // From accept or the last answer to the end of the next request; and for the answer again.
  duration request_deadline = seconds{10};
  std::size_t connections_max = 64;       // a few scrapers and browsers; one more is answered 503 and closed
  std::uint32_t header_bytes_max = 8192;  // as other HTTP servers; a scrape needs 500
  std::uint32_t body_bytes_max = 0;       // of a request; 0: no body is read, and none is in the way
};

class http_server;

class admin_server {
 public:
  admin_server(boost::asio::io_context& context, admin_options options, admin_provider provider,
               admin_limits limits = {});
  ~admin_server();
  admin_server(const admin_server&) = delete;
  admin_server& operator=(const admin_server&) = delete;

  // Binds; returns the bound endpoint. Whoever comes waits until serve(). successor_of: as in net::listen().
  // inherited: listens already, instead. Errors: what bind(2) or listen(2) returned.
  [[nodiscard]] result<endpoint> start(std::span<const int> successor_of = {}, net::unique_fd inherited = {});
  void serve();
  // Listens; for whoever is to follow it.
  [[nodiscard]] int socket() const noexcept;
  // Accepts nobody any more; who is connected is answered, even after the destruction of this.
  void retire();
  // Closes every connection; the provider is not called any more. Idempotent; the destructor does it unless
  // retire() was called.
  void stop();

 private:
  boost::asio::io_context& context_;
  const admin_options options_;
  const std::shared_ptr<http_server> server_;
};

// The body of /api/v1/topology; design of its keys: README, "Admin API".
[[nodiscard]] std::string topology_json(const topology_view& view);

}  // namespace pgsteer::admin
