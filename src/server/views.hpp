#pragma once
// What the admin pages and the service manager are shown: plain views of the published topology and the
// counters.
//
// Control thread. Pure, but that the figures of the process are read from the kernel.
#include <memory>
#include <vector>

#include "pgsteer/admin/admin_server.hpp"
#include "pgsteer/fence/fence_memory.hpp"
#include "pgsteer/login/admission.hpp"
#include "pgsteer/metrics/server_counters.hpp"
#include "pgsteer/runtime/publication.hpp"
#include "pgsteer/session/worker_context.hpp"
#include "server/listener_set.hpp"
#include "server/service_manager.hpp"
#include "server/topology_keeper.hpp"
#include "server/worker.hpp"

namespace pgsteer::server {

struct view_sources {
  const topology_keeper& keeper;
  const runtime::publication& publication;
  const fence::fence_memory& memory;
  const listener_set& listeners;
  const std::vector<std::unique_ptr<worker>>& workers;
  const metrics::cancel_counters& cancels;
  const metrics::reload_counters& reloads;
  const login::permit_pools& permits;
  double start_time_seconds;  // Unix epoch
};

[[nodiscard]] metrics::metrics_view view_metrics(const view_sources& sources);
[[nodiscard]] std::vector<admin::listener_readiness> view_readiness(const view_sources& sources);
[[nodiscard]] admin::topology_view view_topology(const view_sources& sources);
[[nodiscard]] admin::traffic_view view_traffic(const view_sources& sources);
[[nodiscard]] service_status view_service(const view_sources& sources);

}  // namespace pgsteer::server
