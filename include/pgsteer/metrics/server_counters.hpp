#pragma once
// Everything pgsteer counts, as one tree of plain structs; and the view of it that a scrape reads.
//
// Owned by server; sessions, probes and the acceptor hold references to their own part. Any thread.
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pgsteer/metrics/counters.hpp"

namespace pgsteer::metrics {

// One per listener, for the life of the process. Metric names in comments; label listener=<name>.
struct listener_counters {
  explicit listener_counters(std::string name_in, std::size_t close_reasons)
      : name(std::move(name_in)), closed(close_reasons) {}
  std::string name;
  counter accepted;         // pgsteer_sessions_accepted_total
  counter rejected;         // pgsteer_sessions_rejected_total: over a limit
  counter active;           // pgsteer_sessions (gauge)
  counter held;             // pgsteer_logins_held (gauge)
  counter held_total;       // pgsteer_logins_held_total
  counter hold_released;    // pgsteer_logins_released_total: held, then answered by a backend
  counter hold_expired;     // pgsteer_logins_hold_expired_total
  counter retried;          // pgsteer_login_retries_total: dial failed, 57P03 or 53300, another backend tried
  counter stale_refused;    // pgsteer_stale_primary_refusals_total: in_hot_standby=on on an rw login
  byte_tallies bytes;       // pgsteer_session_bytes_total{direction=...}, from the relay's start on
  duration_histogram hold;  // pgsteer_hold_seconds: of logins that were released or expired
  duration_histogram login;     // pgsteer_login_seconds: accept to ReadyForQuery, plaintext sessions
  std::vector<counter> closed;  // pgsteer_sessions_closed_total{reason=...}, index is session::close_reason
};

// One per backend that was ever known; label backend=<address>.
struct backend_counters {
  counter sessions;        // pgsteer_backend_sessions (gauge)
  counter sessions_total;  // pgsteer_backend_sessions_total
  counter dial_failures;   // pgsteer_backend_dial_failures_total
  // pgsteer_backend_logins_answered_total: got a first answer (with direct TLS nobody knows). The probe reads
  // it too: see probe_callbacks.
  counter logins_answered;
  // pgsteer_backend_logins_let_in_total: the first answer to the startup packet was no refusal; of encrypted
  // logins nobody knows. The probe reads it too.
  counter logins_let_in;
};

struct cancel_counters {
  counter forwarded;  // pgsteer_cancels_total{result="forwarded"}: key known here
  counter broadcast;  // {result="broadcast"}: key unknown, sent to all candidates
  counter dropped;    // {result="dropped"}: over the limit, no backend, too late, or not taken by it
};

// pgsteer_failover_phase_seconds{phase=...}: one observation each for every change of primary.
struct failover_histograms {
  duration_histogram detect;  // first sign of trouble to the loss of the primary
  duration_histogram prove;   // loss to proof of a successor: the HA manager's and PostgreSQL's time
  duration_histogram login;   // proof to the first rw login there (encrypted: to its first answer)
  duration_histogram total;   // first sign to first login
};

// What became of the configuration file; the start is a success, and counted nowhere. Control thread only.
struct reload_counters {
  std::uint64_t applied = 0;        // pgsteer_config_reloads_total{result="applied"}
  std::uint64_t invalid = 0;        // {result="invalid"}: the file is wrong
  std::uint64_t impossible = 0;     // {result="impossible"}: it is right, and this process or host cannot
  bool is_last_applied = true;      // pgsteer_config_last_reload_successful 0|1
  double last_applied_seconds = 0;  // pgsteer_config_last_reload_success_timestamp_seconds, Unix epoch
};

struct probe_counters {
  std::map<std::string, std::uint64_t, std::less<>>
      results;                  // pgsteer_probes_total{outcome=...}; control thread only
  duration_histogram duration;  // pgsteer_probe_seconds, answered ones
};

// What exposition() reads; filled by server on the control thread for each scrape.
struct backend_view {
  std::string address;
  std::string role;                    // pgsteer_backend_role{role="primary|standby|unknown"} 1
  bool is_rw_eligible = false;         // pgsteer_backend_rw_eligible 0|1
  bool is_ro_eligible = false;         // pgsteer_backend_ro_eligible 0|1
  std::uint32_t timeline = 0;          // pgsteer_backend_timeline
  std::uint64_t replay_lag_bytes = 0;  // pgsteer_backend_replay_lag_bytes
  double replay_delay_seconds = 0;     // pgsteer_backend_replay_delay_seconds
  double probe_age_seconds = -1;       // pgsteer_backend_probe_age_seconds; -1: never answered, left out
  std::int64_t connections_free = -1;  // pgsteer_backend_connections_free; -1: never answered, left out
  const backend_counters* counters = nullptr;
  std::uint64_t dials = 0;          // pgsteer_backend_dials
  std::uint64_t dials_waiting = 0;  // pgsteer_backend_dials_waiting
  std::string zone = {};            // pgsteer_backend_own_zone{zone=...}; empty: not known, left out
  bool is_in_own_zone = false;      // pgsteer_backend_own_zone 0|1
  std::string order = {};           // pgsteer_backend_order{order="disable|drain"} 1; empty: none, left out
};

// Of what a discovery source is told of changes: a resource of Kubernetes.
struct discovery_view {
  std::string resource;                         // "pods"; a label of every series
  bool is_watching = false;                     // pgsteer_discovery_watching 0|1
  std::uint64_t lists = 0;                      // pgsteer_discovery_lists_total
  std::map<std::string, std::uint64_t> events;  // pgsteer_discovery_events_total{type=...}
  std::map<std::string, std::uint64_t> errors;  // pgsteer_discovery_errors_total{kind=...}
  double answer_age_seconds = -1;  // pgsteer_discovery_answer_age_seconds; -1: none yet, left out
};

// What the kernel counts of this process, by the names that Prometheus' client libraries give it; left out if
// unknown.
struct process_view {
  std::optional<double> cpu_seconds;             // process_cpu_seconds_total
  std::optional<std::uint64_t> resident_bytes;   // process_resident_memory_bytes
  std::optional<std::uint64_t> descriptors;      // process_open_fds
  std::optional<std::uint64_t> descriptors_max;  // process_max_fds
};

// One key of limits; a label of both series.
struct limit_view {
  std::string name;                   // "sessions"
  std::uint64_t max = 0;              // pgsteer_limit_max
  std::optional<std::uint64_t> used;  // pgsteer_limit_used; none: each backend has the limit for itself
};

struct metrics_view {
  std::string version;               // pgsteer_build_info{version=...} 1
  double start_time_seconds = 0;     // pgsteer_start_time_seconds, Unix epoch
  std::uint64_t log_lines_lost = 0;  // pgsteer_log_lines_lost_total
  process_view process;
  std::vector<limit_view> limits;
  std::vector<const listener_counters*> listeners;
  std::vector<std::string> close_reasons;  // label values by index
  std::vector<backend_view> backends;
  std::vector<discovery_view> discovery;  // none for a source that asks again and again
  const reload_counters* reloads = nullptr;
  const cancel_counters* cancels = nullptr;
  const probe_counters* probes = nullptr;
  const failover_histograms* failovers = nullptr;
  std::vector<const relay_counters*>
      workers;  // label worker=<index>: pgsteer_relay_bytes_total and its siblings
  std::vector<std::uint64_t> worker_sessions;  // pgsteer_worker_sessions
  std::uint64_t topology_generation = 0;       // pgsteer_topology_generation
  std::uint32_t fence_timeline = 0;            // pgsteer_fence_timeline
  bool has_primary = false;                    // pgsteer_primary_known 0|1
  bool is_rw_closed = false;                   // pgsteer_rw_closed 0|1
  bool is_fence_unsaved = false;               // pgsteer_fence_unsaved 0|1
  bool is_ambiguous = false;                   // pgsteer_primary_ambiguous 0|1
  std::uint64_t primary_changes = 0;           // pgsteer_primary_changes_total
  double primary_since_seconds =
      0;  // pgsteer_primary_since_timestamp_seconds, Unix epoch; 0: none yet, left out
};

// Prometheus text exposition format 0.0.4, made with prometheus-cpp. O(series).
[[nodiscard]] std::string exposition(const metrics_view& view);

}  // namespace pgsteer::metrics
