#include "probe/role_query.hpp"

#include <algorithm>
#include <charconv>
#include <concepts>
#include <limits>
#include <string_view>

namespace pgsteer::probe {

// Everything is schema-qualified, operators and types too; search_path is pinned besides. Sub-selects without
// outer references inside CASE are evaluated only when their branch is taken.
//
// - Timeline of a primary: first 8 digits of the name of the file it writes. pg_control_checkpoint() still
//   shows the old one right after a promotion.
// - received_tli needs pg_read_all_stats; without it a standby's control file gives a lower bound.
// - replay_lsn is read before receive_lsn: what is replayed by then has been received by then.
// - LSNs come as plain numbers of bytes: the distance from 0/0.
// - Nothing is behind when everything received is replayed and a WAL receiver runs, however long ago the last
//   transaction was (functions-admin.html#FUNCTIONS-RECOVERY-INFO-TABLE).
// - Connections in use are those of the cumulative statistics' backends that have a database and a role: not
//   autovacuum's workers (no role) nor physical walsenders (no database, and slots of their own). Too many by
//   parallel and logical replication workers, which have both; too few by the logins that are not over yet
//   (pgstat_bestart, src/backend/utils/activity/backend_status.c). Anybody may read these columns; it is the
//   dearest part, since the server copies every backend's entry: 0.1 ms of the server's CPU where nobody is
//   connected, 0.8 ms with 400 sessions (PostgreSQL 15).
// - reserved_connections came with PostgreSQL 16.
// - CloudNativePG's instance manager fixes ssl_ca_file (MandatorySettings, pkg/postgres/configuration.go in
//   its repository), and anybody may read it. archive_command, fixed likewise, reads "(disabled)" where
//   archiving is off.
const char* const role_query = R"(SELECT r.is_in_recovery,
 (SELECT c.system_identifier FROM pg_catalog.pg_control_system() AS c),
 (pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time())
  OPERATOR(pg_catalog.*) 1000000::pg_catalog.float8)::pg_catalog.int8,
 pg_catalog.current_setting('max_connections'),
 CASE WHEN NOT r.is_in_recovery THEN pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()) END,
 CASE WHEN NOT r.is_in_recovery
  THEN pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), '0/0'::pg_catalog.pg_lsn) END,
 CASE WHEN r.is_in_recovery THEN pg_catalog.pg_wal_lsn_diff(r.receive_lsn, '0/0'::pg_catalog.pg_lsn) END,
 CASE WHEN r.is_in_recovery THEN pg_catalog.pg_wal_lsn_diff(r.replay_lsn, '0/0'::pg_catalog.pg_lsn) END,
 CASE WHEN NOT r.is_in_recovery THEN NULL
  WHEN w.pid IS NOT NULL AND r.receive_lsn OPERATOR(pg_catalog.=) r.replay_lsn THEN 0::pg_catalog.int8
  ELSE (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()
        OPERATOR(pg_catalog.-) pg_catalog.pg_last_xact_replay_timestamp())
   OPERATOR(pg_catalog.*) 1000::pg_catalog.float8)::pg_catalog.int8 END,
 w.pid IS NOT NULL,
 w.received_tli,
 CASE WHEN r.is_in_recovery THEN GREATEST(
  (SELECT c.min_recovery_end_timeline FROM pg_catalog.pg_control_recovery() AS c),
  (SELECT c.timeline_id FROM pg_catalog.pg_control_checkpoint() AS c)) END,
 CASE WHEN r.is_in_recovery THEN pg_catalog.pg_is_wal_replay_paused() END,
 pg_catalog.current_setting('superuser_reserved_connections'),
 pg_catalog.current_setting('reserved_connections', true),
 (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_get_backend_idset() AS b
  WHERE pg_catalog.pg_stat_get_backend_dbid(b) OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
   AND pg_catalog.pg_stat_get_backend_userid(b) OPERATOR(pg_catalog.<>) 0::pg_catalog.oid),
 pg_catalog.starts_with(pg_catalog.current_setting('ssl_ca_file'), '/controller/certificates/'),
 pg_catalog.pg_backend_pid(),
 pg_catalog.pg_is_in_recovery()
FROM (SELECT pg_catalog.pg_is_in_recovery() AS is_in_recovery,
  pg_catalog.pg_last_wal_replay_lsn() AS replay_lsn,
  pg_catalog.pg_last_wal_receive_lsn() AS receive_lsn OFFSET 0) AS r
 LEFT JOIN pg_catalog.pg_stat_wal_receiver AS w ON r.is_in_recovery)";

namespace {

// Keeps the first problem, so that the fields are read straight through.
class row_reader {
 public:
  explicit row_reader(const role_row& row) : row_(row) {}

  [[nodiscard]] bool is_good() const noexcept { return is_good_; }
  [[nodiscard]] bool has(role_column column) const { return field(column).has_value(); }

  bool boolean(role_column column) {
    const std::string_view value = text(column);
    if (value != "t" && value != "f") is_good_ = false;
    return value == "t";
  }

  template <std::integral T>
  T number(role_column column) {
    return digits<T>(text(column), 10);
  }
  // What a standby may not know yet, or an older server does not have: 0 when absent.
  template <std::integral T>
  T number_or_zero(role_column column) {
    return has(column) ? number<T>(column) : T{0};
  }

  // First 8 hexadecimal digits of a WAL file's name (XLogFileName, src/include/access/xlog_internal.h).
  std::uint32_t timeline_of_walfile(role_column column) {
    constexpr std::size_t name_length = 24;
    const std::string_view name = text(column);
    if (name.size() != name_length) is_good_ = false;
    return digits<std::uint32_t>(name.substr(0, 8), 16);
  }

 private:
  const std::optional<std::string>& field(role_column column) const {
    return row_[static_cast<std::size_t>(column)];
  }
  std::string_view text(role_column column) {
    if (has(column)) return *field(column);
    is_good_ = false;
    return {};
  }
  template <std::integral T>
  T digits(std::string_view value, int base) {
    T number{};
    const char* const end = value.data() + value.size();
    const auto [stop, error] = std::from_chars(value.data(), end, number, base);
    if (error != std::errc{} || stop != end) is_good_ = false;
    return number;
  }

  const role_row& row_;
  bool is_good_ = true;
};

void read_primary(row_reader& reader, topology::role_answer& answer) {
  answer.timeline.value = reader.timeline_of_walfile(role_column::walfile_name);
  answer.write_lsn.value = reader.number<std::uint64_t>(role_column::write_lsn);
}

void read_standby(row_reader& reader, topology::role_answer& answer) {
  answer.is_timeline_lower_bound = !reader.has(role_column::received_timeline);
  const auto control = reader.number<std::uint32_t>(role_column::control_timeline);
  // A receiver that just started may still show 0.
  const auto received = reader.number_or_zero<std::uint32_t>(role_column::received_timeline);
  answer.timeline.value = std::max(control, received);
  answer.receive_lsn.value = reader.number_or_zero<std::uint64_t>(role_column::receive_lsn);
  answer.replay_lsn.value = reader.number_or_zero<std::uint64_t>(role_column::replay_lsn);
  answer.has_wal_receiver = reader.boolean(role_column::has_wal_receiver);
  answer.is_replay_paused = reader.boolean(role_column::is_replay_paused);
  if (reader.has(role_column::replay_delay_ms)) {
    // Two machines' wall clocks: a standby that lags behind in time shows a negative delay.
    const auto delay = reader.number<std::int64_t>(role_column::replay_delay_ms);
    answer.replay_delay = milliseconds{std::max<std::int64_t>(delay, 0)};
  }
}

void read_connections(row_reader& reader, topology::role_answer& answer) {
  const auto reserved = reader.number<int>(role_column::superuser_reserved_connections);
  const auto reserved_too = reader.number_or_zero<int>(role_column::reserved_connections);
  const auto used = reader.number<int>(role_column::connections_used);
  const std::int64_t free = std::int64_t{answer.max_connections} - reserved - reserved_too - used;
  answer.connections_free =
      static_cast<int>(std::clamp<std::int64_t>(free, 0, std::numeric_limits<int>::max()));
  answer.connections_used = std::max(used, 0);
}

}  // namespace

std::variant<topology::role_answer, row_problem> read_role_row(const role_row& row) {
  row_reader reader(row);
  topology::role_answer answer;
  answer.is_in_recovery = reader.boolean(role_column::is_in_recovery);
  const bool is_still_in_recovery = reader.boolean(role_column::is_still_in_recovery);
  if (reader.is_good() && answer.is_in_recovery != is_still_in_recovery) return row_problem::role_changed;

  // An int8 in SQL; from 2038 on its sign bit is set.
  answer.system.value =
      static_cast<std::uint64_t>(reader.number<std::int64_t>(role_column::system_identifier));
  answer.start_time_us = reader.number<std::int64_t>(role_column::start_time_us);
  answer.max_connections = reader.number<int>(role_column::max_connections);
  answer.backend_pid = reader.number<int>(role_column::backend_pid);
  read_connections(reader, answer);
  answer.is_cnpg_managed = reader.boolean(role_column::is_cnpg_managed);
  if (answer.is_in_recovery) {
    read_standby(reader, answer);
  } else {
    read_primary(reader, answer);
  }
  if (!reader.is_good()) return row_problem::malformed;
  return answer;
}

}  // namespace pgsteer::probe
