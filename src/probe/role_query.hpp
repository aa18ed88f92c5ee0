#pragma once
// The one query that asks a backend who it is, and the reader of its row.
//
// Pure: text in, role_answer out; any thread. Runs for a role with LOGIN and nothing else on PostgreSQL 13 to
// 18, primary or standby.
//
// No lie through a promotion in the middle: a server leaves recovery once and never returns without a
// restart, so pg_is_in_recovery() is asked first and last, and a row with two answers is refused
// (row_problem::role_changed). Functions that raise in the other role stand behind the first answer.
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <variant>

#include "pgsteer/topology/probe_result.hpp"

namespace pgsteer::probe {

// Raised by functions of one role in the other, errcodes-appendix.html: object_not_in_prerequisite_state.
inline constexpr const char* sqlstate_of_other_role = "55000";

extern const char* const role_query;

// The one thing about a standby that is worth asking every few milliseconds: it answers false from the
// instant at which it was promoted.
inline constexpr const char* recovery_query = "SELECT pg_catalog.pg_is_in_recovery()";

// The columns of role_query, in order.
enum class role_column : std::size_t {
  is_in_recovery,
  system_identifier,
  start_time_us,
  max_connections,
  walfile_name,
  write_lsn,
  receive_lsn,
  replay_lsn,
  replay_delay_ms,
  has_wal_receiver,
  received_timeline,
  control_timeline,
  is_replay_paused,
  superuser_reserved_connections,
  reserved_connections,  // absent before PostgreSQL 16
  connections_used,
  is_cnpg_managed,
  backend_pid,
  is_still_in_recovery,
  count
};

using role_row = std::array<std::optional<std::string>, static_cast<std::size_t>(role_column::count)>;

enum class row_problem {
  malformed,     // the backend's: a value that this query cannot yield
  role_changed,  // nobody's: promoted while answering; ask again
};

// server_version is left 0: the connection knows it.
[[nodiscard]] std::variant<topology::role_answer, row_problem> read_role_row(const role_row& row);

}  // namespace pgsteer::probe
