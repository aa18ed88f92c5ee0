#pragma once
// What one probe of one backend found: the hand-over from probe to topology.
//
// A value: no connection, no clock of its own. Made on the control thread.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/topology/types.hpp"

namespace pgsteer::topology {

// How the probe ended. Every kind of failure is its own outcome, because each asks for another reaction.
enum class probe_outcome {
  answered,       // the role query returned a row
  login_hung,     // the open connection answers but a fresh login did not in time (postmaster hung)
  shutting_down,  // the open connection answers but a fresh login is refused with 57P03: a smart shutdown,
                  // which waits for its sessions to end (server-shutdown.html)
  wrong_credentials,  // SQLSTATE 28P01, 28000: the operator's; the backend is alive
  missing_database,   // 3D000: the operator's; alive
  too_many_clients,   // 53300: alive, full
  not_accepting,      // 57P03, or 57P01/57P02 while shutting down: alive, not usable now
  query_failed,       // the role query itself failed with another SQLSTATE; alive
  refused,            // the address answered the dial with a reset
  unreachable,        // no route, host unreachable
  timed_out,          // nothing in time
  connection_lost,    // the open probe connection ended by itself: a crash, a kill or a restart
  tls_failed,         // TLS was required and could not be agreed, or the certificate was not trusted
  not_postgresql,     // something answered, in another protocol
  local_trouble,      // EMFILE, ENOBUFS, EADDRNOTAVAIL, out of memory: ours, says nothing about the backend
};
// The word used in logs, metrics and the admin API, e.g. "wrong_credentials".
[[nodiscard]] std::string_view to_string(probe_outcome value) noexcept;
// The outcome with this word; nothing if there is none.
[[nodiscard]] std::optional<probe_outcome> to_probe_outcome(std::string_view word) noexcept;

// The row of the role query; see probe/role_query.hpp for the SQL.
struct role_answer {
  bool is_in_recovery = false;
  system_identifier system;
  timeline_id timeline;                  // exact on a primary; on a standby see is_timeline_lower_bound
  bool is_timeline_lower_bound = false;  // standby whose role may not read received_tli: control file only
  lsn write_lsn;                         // primary: pg_current_wal_lsn(); standby: 0
  lsn receive_lsn;                       // standby: pg_last_wal_receive_lsn()
  lsn replay_lsn;                        // standby: pg_last_wal_replay_lsn()
  std::optional<milliseconds> replay_delay;  // standby: age of the last replayed transaction; 0 if caught up
  bool has_wal_receiver = false;             // standby: a WAL receiver runs
  bool is_replay_paused = false;             // standby: pg_is_wal_replay_paused()
  std::int64_t start_time_us = 0;            // pg_postmaster_start_time(), microseconds since the Unix epoch
  int server_version = 0;                    // PQserverVersion(), e.g. 150018
  int max_connections = 0;
  // Of those, what neither sessions nor reservations take. An estimate: see probe/role_query.cpp. Unset
  // behind a pooler, which has places of its own.
  std::optional<int> connections_free;
  std::optional<int> connections_used;  // by sessions, whoever's; unset as above
  std::uint32_t own_sessions = 0;       // not of the row: this process's sessions there when the answer came
  int backend_pid = 0;                  // of the server process that answered
  bool is_cnpg_managed = false;         // it runs under CloudNativePG's instance manager
};

struct probe_result {
  probe_outcome outcome = probe_outcome::timed_out;
  std::optional<role_answer>
      answer;           // set if outcome is answered or shutting_down, and possibly if it is login_hung
  std::string message;  // libpq's or the server's words, one line; empty if answered
  time_point sent_at;   // before the query left: the role was true at or after this
  time_point received_at;
  // Of connection_lost: the server ended it on somebody's order, by 57P01.
  bool was_terminated = false;
};

}  // namespace pgsteer::topology
