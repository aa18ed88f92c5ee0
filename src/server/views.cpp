#include "server/views.hpp"

#include "pgsteer/base/log.hpp"
#include "pgsteer/routing/choose.hpp"
#include "server/process_figures.hpp"

namespace pgsteer::server {
namespace {

metrics::backend_view view_backend(const topology::backend_status& status, const runtime::backend_use& use,
                                   time_point now) {
  metrics::backend_view view;
  view.address = to_string(status.address);
  view.role = topology::to_string(status.role);
  view.zone = status.zone;
  view.is_in_own_zone = status.is_in_own_zone;
  if (status.order) view.order = topology::to_string(status.order->what);
  view.is_rw_eligible = status.is_rw_eligible;
  view.is_ro_eligible = status.is_ro_eligible;
  view.timeline = status.timeline.value;
  view.replay_lag_bytes = status.replay_lag_bytes;
  if (status.replay_delay) view.replay_delay_seconds = in_seconds(*status.replay_delay);
  if (status.answered_at) view.probe_age_seconds = in_seconds(now - *status.answered_at);
  if (status.connections_free) view.connections_free = *status.connections_free;
  view.counters = &use.counters;
  const permit_queue::counts dials = use.dials.count();
  view.dials = dials.granted;
  view.dials_waiting = dials.waiting;
  return view;
}

metrics::discovery_view view_discovery(const discovery::watch_figures& figures, time_point now) {
  metrics::discovery_view view;
  view.resource = figures.resource;
  view.is_watching = figures.is_watching;
  view.lists = figures.lists;
  view.events.insert(figures.events.begin(), figures.events.end());
  view.errors.insert(figures.errors.begin(), figures.errors.end());
  if (figures.answered_at) view.answer_age_seconds = in_seconds(now - *figures.answered_at);
  return view;
}

// By their keys in the configuration.
std::vector<metrics::limit_view> view_limits(const login::permit_pools& given,
                                             const runtime::limit_options& limits) {
  return {{"sessions", limits.sessions_max, given.sessions.used()},
          {"pending_logins", limits.pending_logins_max, given.pending_logins.used()},
          {"held_logins", limits.held_logins_max, given.held_logins.used()},
          {"concurrent_cancels", limits.concurrent_cancels_max, given.cancels.used()},
          {"concurrent_dials", limits.concurrent_dials_max, std::nullopt}};
}

}  // namespace

metrics::metrics_view view_metrics(const view_sources& sources) {
  const time_point now = clock::now();
  const auto& published = sources.publication.newest()->topology;
  metrics::metrics_view view;
  view.version = PGSTEER_VERSION;
  view.start_time_seconds = sources.start_time_seconds;
  view.log_lines_lost = log_lines_lost();
  view.process = process_figures();
  view.limits = view_limits(sources.permits, sources.publication.newest()->options->limits);
  for (const session::listener_state* listener : sources.listeners.all())
    view.listeners.push_back(&listener->counters);
  for (std::size_t i = 0; i < session::close_reason_count; ++i)
    view.close_reasons.emplace_back(session::describe(static_cast<session::close_reason>(i)).label);
  for (std::size_t i = 0; i < published.snapshot->backends.size(); ++i)
    view.backends.push_back(view_backend(published.snapshot->backends[i], *published.uses[i], now));
  for (const auto& figures : sources.keeper.discovery_figures())
    view.discovery.push_back(view_discovery(figures, now));
  view.reloads = &sources.reloads;
  view.cancels = &sources.cancels;
  view.probes = &sources.keeper.counters();
  view.failovers = &sources.keeper.story().histograms();
  for (const auto& worker : sources.workers) {
    view.workers.push_back(&worker->counters());
    view.worker_sessions.push_back(worker->session_count());
  }
  view.topology_generation = published.snapshot->generation;
  view.fence_timeline = published.snapshot->fence.value;
  view.has_primary = published.snapshot->is_rw_open(now);
  view.is_rw_closed = sources.publication.is_rw_closed();
  view.is_fence_unsaved = sources.memory.is_unsaved();
  view.is_ambiguous = published.snapshot->is_ambiguous;
  view.primary_changes = sources.keeper.primary_changes();
  view.primary_since_seconds = sources.keeper.primary_since_seconds();
  return view;
}

std::vector<admin::listener_readiness> view_readiness(const view_sources& sources) {
  const auto& published = sources.publication.newest()->topology;
  std::vector<admin::listener_readiness> listeners;
  for (const listener_set::served& listener : sources.listeners.all_served()) {
    const runtime::listener_options& options = sources.publication.newest()->listener(listener.state.index);
    const routing::choice chosen = routing::choose({.snapshot = *published.snapshot,
                                                    .policy = options.policy,
                                                    .sessions = {},
                                                    .tried = {},
                                                    .now = clock::now(),
                                                    .is_rw_closed = sources.publication.is_rw_closed()});
    admin::listener_readiness readiness;
    readiness.name = options.name;
    readiness.address = to_string(listener.address);
    readiness.route = routing::to_string(options.policy.route);
    readiness.is_ready = chosen.backend != nullptr;
    if (!readiness.is_ready) readiness.reason = routing::to_string(chosen.why_not);
    listeners.push_back(std::move(readiness));
  }
  return listeners;
}

admin::topology_view view_topology(const view_sources& sources) {
  const auto& published = sources.publication.newest()->topology;
  admin::topology_view view;
  view.snapshot = published.snapshot;
  for (const auto& use : published.uses) view.sessions.push_back(use->counters.sessions.value());
  view.now = clock::now();
  view.own_zone = sources.keeper.own_zone();
  return view;
}

admin::traffic_view view_traffic(const view_sources& sources) {
  admin::traffic_view view;
  view.now = clock::now();
  view.start_time_seconds = sources.start_time_seconds;
  view.unix_now_seconds = in_seconds(std::chrono::system_clock::now().time_since_epoch());
  for (const listener_set::served& listener : sources.listeners.all_served()) {
    const metrics::listener_counters& of = listener.state.counters;
    view.listeners.push_back({.sessions = of.active.value(),
                              .accepted = of.accepted.value(),
                              .rejected = of.rejected.value(),
                              .held = of.held.value(),
                              .held_total = of.held_total.value(),
                              .released = of.hold_released.value(),
                              .expired = of.hold_expired.value(),
                              .bytes = of.bytes.sum()});
  }
  const auto& published = sources.publication.newest()->topology;
  for (const topology::backend_status& status : published.snapshot->backends) {
    const metrics::backend_counters& of = published.use_of(status)->counters;
    view.backends.push_back(
        {status.id, of.sessions.value(), of.sessions_total.value(), of.dial_failures.value()});
  }
  return view;
}

service_status view_service(const view_sources& sources) {
  const runtime::state_ptr& state = sources.publication.newest();
  const topology::topology_snapshot& snapshot = *state->topology.snapshot;
  service_status status;
  if (const auto* primary = snapshot.primary ? snapshot.find(*snapshot.primary) : nullptr) {
    status.primary = primary->name.text();
    status.takes_new_logins = primary->is_rw_eligible;
  }
  status.is_draining = state->orders.drain != runtime::drain_step::none;
  status.sessions = session_count(sources.workers);
  return status;
}

}  // namespace pgsteer::server
