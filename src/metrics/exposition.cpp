// The one file that knows prometheus-cpp: families are built straight from the view, with no registry, so
// that a series exists exactly as long as what it describes. Format: text exposition 0.0.4,
// prometheus.io/docs/instrumenting/exposition_formats/#text-based-format.
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <boost/nowide/utf/convert.hpp>
#include <limits>
#include <set>
#include <string_view>

#include "pgsteer/metrics/server_counters.hpp"

namespace pgsteer::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using labels = std::vector<ClientMetric::Label>;

// One ill-formed byte in a label makes Prometheus reject the whole scrape.
ClientMetric::Label label(std::string name, std::string_view value) {
  return {std::move(name),
          boost::nowide::utf::convert_string<char>(value.data(), value.data() + value.size())};
}

// One family and its samples in the making.
class family {
 public:
  family(MetricType type, std::string name, std::string help)
      : family_{std::move(name), std::move(help), type, {}} {}

  family& add(labels of, double value) {
    ClientMetric& sample = append(std::move(of));
    if (family_.type == MetricType::Counter) {
      sample.counter.value = value;
    } else {
      sample.gauge.value = value;
    }
    return *this;
  }
  family& add(labels of, const counter& value) { return add(std::move(of), value.value()); }
  family& add(labels of, std::uint64_t value) { return add(std::move(of), static_cast<double>(value)); }
  family& add(labels of, bool value) { return add(std::move(of), value ? 1.0 : 0.0); }

  family& add(labels of, const duration_histogram& value) {
    ClientMetric::Histogram& out = append(std::move(of)).histogram;
    std::uint64_t cumulative = 0;
    for (std::size_t i = 0; i <= duration_histogram::bounds_seconds.size(); ++i) {
      const bool is_last = i == duration_histogram::bounds_seconds.size();
      cumulative += value.bucket(i);
      out.bucket.push_back({cumulative, is_last ? std::numeric_limits<double>::infinity()
                                                : duration_histogram::bounds_seconds[i]});
    }
    // Not counted apart: a scrape during observe() must still see +Inf equal to the count.
    out.sample_count = cumulative;
    out.sample_sum = value.sum_seconds();
    return *this;
  }

  [[nodiscard]] MetricFamily take() { return std::move(family_); }

 private:
  ClientMetric& append(labels of) {
    ClientMetric& sample = family_.metric.emplace_back();
    sample.label = std::move(of);
    return sample;
  }

  MetricFamily family_;
};

class document {
 public:
  // The reference is valid until the next call.
  family& add(MetricType type, const std::string& name, std::string help) {
    return add_unprefixed(type, "pgsteer_" + name, std::move(help));
  }
  family& add_unprefixed(MetricType type, std::string name, std::string help) {
    return families_.emplace_back(type, std::move(name), std::move(help));
  }
  family& counter(const std::string& name, std::string help) {
    return add(MetricType::Counter, name, std::move(help));
  }
  family& gauge(const std::string& name, std::string help) {
    return add(MetricType::Gauge, name, std::move(help));
  }

  [[nodiscard]] std::string text() {
    std::vector<MetricFamily> all;
    for (family& each : families_) {
      MetricFamily one = each.take();
      if (!one.metric.empty()) all.push_back(std::move(one));
    }
    return prometheus::TextSerializer().Serialize(all);
  }

 private:
  std::vector<family> families_;
};

// By the names that every client library of Prometheus has for them, which general dashboards and alerts
// know: prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics.
void add_figures_of_the_kernel(document& out, const process_view& of) {
  const auto add = [&](MetricType type, std::string name, std::string help, const auto& value) {
    if (value) out.add_unprefixed(type, std::move(name), std::move(help)).add({}, *value);
  };
  add(MetricType::Counter, "process_cpu_seconds_total", "User and system CPU time spent, in seconds.",
      of.cpu_seconds);
  add(MetricType::Gauge, "process_resident_memory_bytes", "Resident memory, in bytes.", of.resident_bytes);
  add(MetricType::Gauge, "process_open_fds", "Open file descriptors.", of.descriptors);
  add(MetricType::Gauge, "process_max_fds", "How many file descriptors may be open.", of.descriptors_max);
}

void add_limits(document& out, const metrics_view& view) {
  family& max = out.gauge("limit_max", "What the limit allows; concurrent_dials is for each backend.");
  for (const limit_view& each : view.limits) max.add({label("limit", each.name)}, each.max);
  family& used = out.gauge("limit_used", "How much of the limit is in use right now.");
  for (const limit_view& each : view.limits) {
    if (each.used) used.add({label("limit", each.name)}, *each.used);
  }
}

void add_process(document& out, const metrics_view& view) {
  out.gauge("build_info", "Always 1; the label carries the version of pgsteer.")
      .add({label("version", view.version)}, true);
  out.gauge("start_time_seconds", "When this process started, in seconds since the Unix epoch.")
      .add({}, view.start_time_seconds);
  out.counter("log_lines_lost_total", "Lines of the log that were dropped because nobody read them in time.")
      .add({}, view.log_lines_lost);
  add_figures_of_the_kernel(out, view.process);
}

// Gauges by the names that Prometheus has for its own configuration.
void add_reloads(document& out, const metrics_view& view) {
  if (view.reloads == nullptr) return;
  out.counter("config_reloads_total", "How often the configuration was to be taken in, by what became of it.")
      .add({label("result", "applied")}, view.reloads->applied)
      .add({label("result", "invalid")}, view.reloads->invalid)
      .add({label("result", "impossible")}, view.reloads->impossible);
  out.gauge("config_last_reload_successful",
            "0 if the configuration could not be taken in the last time, so that the one before is in force.")
      .add({}, view.reloads->is_last_applied);
  out.gauge("config_last_reload_success_timestamp_seconds",
            "When the configuration in force was taken in, in seconds since the Unix epoch.")
      .add({}, view.reloads->last_applied_seconds);
}

void add_topology(document& out, const metrics_view& view) {
  out.gauge("topology_generation", "Grows with every change of a verdict, a role or the list of backends.")
      .add({}, view.topology_generation);
  out.gauge("fence_timeline", "Highest timeline ever seen on a primary; 0 before the first primary.")
      .add({}, static_cast<std::uint64_t>(view.fence_timeline));
  out.gauge("primary_known", "1 if new read-write sessions have a primary to go to.")
      .add({}, view.has_primary);
  out.gauge("rw_closed",
            "1 while a worker has yet to let go of the old primary, so that nobody uses the new one.")
      .add({}, view.is_rw_closed);
  out.gauge("primary_ambiguous", "1 if two backends claim to be primary on one timeline.")
      .add({}, view.is_ambiguous);
  out.gauge("fence_unsaved",
            "1 while the fence is not in cluster.state_dir yet: a restart would not know it.")
      .add({}, view.is_fence_unsaved);
  out.counter("primary_changes_total", "How often another backend became the primary.")
      .add({}, view.primary_changes);
  if (view.primary_since_seconds > 0) {
    out.gauge("primary_since_timestamp_seconds",
              "When the primary, or the last one there was, became it as this pgsteer saw it, in seconds "
              "since the "
              "Unix epoch.")
        .add({}, view.primary_since_seconds);
  }
}

// A counter or gauge that each listener has, and nothing but its name as label.
struct listener_metric {
  MetricType type;
  const char* name;
  const char* help;
  counter listener_counters::*value;
};
const listener_metric listener_metrics[] = {
    {MetricType::Counter, "sessions_accepted_total", "Client connections accepted.",
     &listener_counters::accepted},
    {MetricType::Counter, "sessions_rejected_total",
     "Client connections turned away because a limit was hit.", &listener_counters::rejected},
    {MetricType::Gauge, "sessions", "Live sessions, from accept to close.", &listener_counters::active},
    {MetricType::Gauge, "logins_held", "Logins that wait for a backend right now.", &listener_counters::held},
    {MetricType::Counter, "logins_held_total", "Logins that had to wait for a backend.",
     &listener_counters::held_total},
    {MetricType::Counter, "logins_released_total", "Held logins that a backend answered in time.",
     &listener_counters::hold_released},
    {MetricType::Counter, "logins_hold_expired_total", "Logins that waited in vain and were answered 57P03.",
     &listener_counters::hold_expired},
    {MetricType::Counter, "login_retries_total",
     "Logins sent on to another backend after a failed dial, 57P03 or 53300.", &listener_counters::retried},
    {MetricType::Counter, "stale_primary_refusals_total",
     "Read-write logins refused because the backend reported in_hot_standby=on.",
     &listener_counters::stale_refused},
};

void add_listeners(document& out, const metrics_view& view) {
  for (const listener_metric& metric : listener_metrics) {
    family& of = out.add(metric.type, metric.name, metric.help);
    for (const listener_counters* each : view.listeners) {
      of.add({label("listener", each->name)}, each->*metric.value);
    }
  }
  family& bytes = out.counter("session_bytes_total", "Bytes moved by sessions since they were logged in.");
  for (const listener_counters* each : view.listeners) {
    const auto listener = label("listener", each->name);
    const auto [to_backend, to_client] = each->bytes.sum();
    bytes.add({listener, label("direction", "client_to_backend")}, to_backend);
    bytes.add({listener, label("direction", "backend_to_client")}, to_client);
  }
  family& login = out.add(MetricType::Histogram, "login_seconds",
                          "Time from accept to the first ReadyForQuery, of unencrypted sessions.");
  for (const listener_counters* each : view.listeners)
    login.add({label("listener", each->name)}, each->login);
  family& hold =
      out.add(MetricType::Histogram, "hold_seconds",
              "How long logins were held that a backend answered in the end, or that waited in vain.");
  for (const listener_counters* each : view.listeners) hold.add({label("listener", each->name)}, each->hold);

  family& closed = out.counter("sessions_closed_total", "Sessions ended, by the one reason for it.");
  for (const listener_counters* each : view.listeners) {
    for (std::size_t i = 0; i < each->closed.size() && i < view.close_reasons.size(); ++i) {
      closed.add({label("listener", each->name), label("reason", view.close_reasons[i])}, each->closed[i]);
    }
  }
}

// The backends, each address once: a backend that left and came back may be listed twice for a while, and
// Prometheus rejects a scrape with two samples of one series. The one listed last is the one in use.
std::vector<const backend_view*> distinct_backends(const metrics_view& view) {
  std::set<std::string_view> seen;
  std::vector<const backend_view*> distinct;
  for (auto each = view.backends.rbegin(); each != view.backends.rend(); ++each) {
    if (seen.insert(each->address).second) distinct.push_back(&*each);
  }
  return {distinct.rbegin(), distinct.rend()};
}

// value(backend) is a number, a bool or a counter.
template <class Value>
void add_each(family& out, const std::vector<const backend_view*>& backends, Value value) {
  for (const backend_view* each : backends) out.add({label("backend", each->address)}, value(*each));
}

void add_backends(document& out, const metrics_view& view) {
  const auto backends = distinct_backends(view);
  family& role = out.gauge("backend_role", "Always 1; the label carries what the last trusted probe found.");
  for (const backend_view* each : backends) {
    role.add({label("backend", each->address), label("role", each->role)}, true);
  }
  family& zone = out.gauge("backend_own_zone",
                           "1 if the backend runs in pgsteer's own zone; the label carries the backend's.");
  for (const backend_view* each : backends) {
    if (!each->zone.empty())
      zone.add({label("backend", each->address), label("zone", each->zone)}, each->is_in_own_zone);
  }
  family& order =
      out.gauge("backend_order",
                "Always 1; the label carries what the operator has ordered. Left out where there is none.");
  for (const backend_view* each : backends) {
    if (!each->order.empty()) order.add({label("backend", each->address), label("order", each->order)}, true);
  }
  add_each(out.gauge("backend_rw_eligible", "1 if the backend takes new read-write sessions."), backends,
           [](const backend_view& of) { return of.is_rw_eligible; });
  add_each(out.gauge("backend_ro_eligible", "1 if the backend takes new sessions as a standby."), backends,
           [](const backend_view& of) { return of.is_ro_eligible; });
  add_each(out.gauge("backend_timeline", "Timeline the backend is on; 0 if not known."), backends,
           [](const backend_view& of) { return static_cast<std::uint64_t>(of.timeline); });
  add_each(
      out.gauge("backend_replay_lag_bytes", "How far replay is behind the primary's last known position."),
      backends, [](const backend_view& of) { return of.replay_lag_bytes; });
  add_each(out.gauge("backend_replay_delay_seconds",
                     "Age of the last transaction a standby replayed; 0 if it has caught up."),
           backends, [](const backend_view& of) { return of.replay_delay_seconds; });

  family& age =
      out.gauge("backend_probe_age_seconds", "Time since the last good probe answer was asked for.");
  for (const backend_view* each : backends) {
    if (each->probe_age_seconds >= 0) age.add({label("backend", each->address)}, each->probe_age_seconds);
  }
  family& free =
      out.gauge("backend_connections_free",
                "Of max_connections, what sessions and reservations leave, by the last good probe answer.");
  for (const backend_view* each : backends) {
    if (each->connections_free >= 0)
      free.add({label("backend", each->address)}, static_cast<std::uint64_t>(each->connections_free));
  }
}

void add_backend_counters(document& out, const metrics_view& view) {
  auto backends = distinct_backends(view);
  std::erase_if(backends, [](const backend_view* each) { return each->counters == nullptr; });
  add_each(out.gauge("backend_sessions", "Live sessions on the backend."), backends,
           [](const backend_view& of) { return of.counters->sessions.value(); });
  add_each(out.counter("backend_sessions_total", "Sessions that were ever routed to the backend."), backends,
           [](const backend_view& of) { return of.counters->sessions_total.value(); });
  add_each(out.counter("backend_dial_failures_total", "Dials of the backend that failed."), backends,
           [](const backend_view& of) { return of.counters->dial_failures.value(); });
  add_each(out.counter("backend_logins_answered_total",
                       "First answers to a login and to its request for encryption."),
           backends, [](const backend_view& of) { return of.counters->logins_answered.value(); });
  add_each(out.counter("backend_logins_let_in_total",
                       "Logins in the clear that the backend did not refuse at once."),
           backends, [](const backend_view& of) { return of.counters->logins_let_in.value(); });
  add_each(out.gauge("backend_dials", "Logins that hold one of its limits.concurrent_dials places."),
           backends, [](const backend_view& of) { return of.dials; });
  add_each(out.gauge("backend_dials_waiting",
                     "Logins that wait to dial it: for limits.concurrent_dials, or for a free connection."),
           backends, [](const backend_view& of) { return of.dials_waiting; });
}

void add_discovery(document& out, const metrics_view& view) {
  if (view.discovery.empty()) return;
  family& watching = out.gauge("discovery_watching", "1 while a watch of the Kubernetes API is open.");
  family& lists = out.counter("discovery_lists_total", "Lists of the Kubernetes API that were read whole.");
  family& events = out.counter("discovery_events_total", "Events of watches of the Kubernetes API, by type.");
  family& errors =
      out.counter("discovery_errors_total", "Requests to the Kubernetes API that failed, by how they did.");
  family& age = out.gauge("discovery_answer_age_seconds",
                          "Time since the last list, event or bookmark of the Kubernetes API.");
  for (const discovery_view& from : view.discovery) {
    const auto resource = label("resource", from.resource);
    watching.add({resource}, from.is_watching);
    lists.add({resource}, from.lists);
    for (const auto& [type, count] : from.events) events.add({resource, label("type", type)}, count);
    for (const auto& [kind, count] : from.errors) errors.add({resource, label("kind", kind)}, count);
    if (from.answer_age_seconds >= 0) age.add({resource}, from.answer_age_seconds);
  }
}

void add_cancels_and_probes(document& out, const metrics_view& view) {
  if (view.cancels != nullptr) {
    out.counter("cancels_total", "Cancel requests, by what became of them.")
        .add({label("result", "forwarded")}, view.cancels->forwarded)
        .add({label("result", "broadcast")}, view.cancels->broadcast)
        .add({label("result", "dropped")}, view.cancels->dropped);
  }
  if (view.probes != nullptr) {
    family& results = out.counter("probes_total", "Probes that ended, by outcome.");
    for (const auto& [outcome, count] : view.probes->results) results.add({label("outcome", outcome)}, count);
    out.add(MetricType::Histogram, "probe_seconds", "Duration of the probes that were answered.")
        .add({}, view.probes->duration);
  }
}

void add_failovers(document& out, const metrics_view& view) {
  if (view.failovers == nullptr) return;
  out.add(MetricType::Histogram, "failover_phase_seconds",
          "Phases of a change of primary: detect (first sign to loss), prove (loss to proof of a successor), "
          "login "
          "(proof to the first rw login there), total.")
      .add({label("phase", "detect")}, view.failovers->detect)
      .add({label("phase", "prove")}, view.failovers->prove)
      .add({label("phase", "login")}, view.failovers->login)
      .add({label("phase", "total")}, view.failovers->total);
}

void add_workers(document& out, const metrics_view& view) {
  const auto worker = [](std::size_t index) { return label("worker", std::to_string(index)); };

  family& sessions = out.gauge("worker_sessions", "Live sessions of each worker.");
  for (std::size_t i = 0; i < view.worker_sessions.size(); ++i) {
    sessions.add({worker(i)}, view.worker_sessions[i]);
  }
  family& bytes =
      out.counter("relay_bytes_total", "Bytes each worker has moved between clients and backends.");
  for (std::size_t i = 0; i < view.workers.size(); ++i) {
    bytes.add({worker(i), label("direction", "client_to_backend")}, view.workers[i]->bytes[0]);
    bytes.add({worker(i), label("direction", "backend_to_client")}, view.workers[i]->bytes[1]);
  }
  family& turns = out.counter("relay_turns_total", "Wake-ups of each worker's relay engine.");
  for (std::size_t i = 0; i < view.workers.size(); ++i) turns.add({worker(i)}, view.workers[i]->turns);
  family& stalls = out.counter("relay_stalls_total", "Times a direction had to wait for a slow reader.");
  for (std::size_t i = 0; i < view.workers.size(); ++i) stalls.add({worker(i)}, view.workers[i]->stalls);
  family& spliced = out.counter("relay_spliced_bytes_total", "Bytes that went through a pipe, uncopied.");
  for (std::size_t i = 0; i < view.workers.size(); ++i)
    spliced.add({worker(i)}, view.workers[i]->spliced_bytes);
  family& spins = out.counter("relay_spins_total", "Times each worker polled before it waited.");
  for (std::size_t i = 0; i < view.workers.size(); ++i) spins.add({worker(i)}, view.workers[i]->spins);
  family& vain = out.counter("relay_vain_spins_total", "Times it polled and nothing came.");
  for (std::size_t i = 0; i < view.workers.size(); ++i) vain.add({worker(i)}, view.workers[i]->vain_spins);
}

}  // namespace

std::string exposition(const metrics_view& view) {
  document out;
  add_process(out, view);
  add_limits(out, view);
  add_reloads(out, view);
  add_topology(out, view);
  add_listeners(out, view);
  add_backends(out, view);
  add_backend_counters(out, view);
  add_discovery(out, view);
  add_cancels_and_probes(out, view);
  add_failovers(out, view);
  add_workers(out, view);
  return out.text();
}

}  // namespace pgsteer::metrics
