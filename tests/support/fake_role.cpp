// The answer to the probe's role query (src/probe/role_query.hpp), from a role_state.
#include <cstdio>

#include "support/fake_connection.hpp"

namespace pgsteer::test {

namespace {

std::string yes_or_no(bool value) {
  return value ? "t" : "f";
}

// XLogFileName, src/include/access/xlog_internal.h: timeline, then log and segment, 8 digits each.
std::string walfile_name(std::uint32_t timeline, std::uint64_t lsn) {
  constexpr std::uint64_t segment_bytes = 16U << 20U;
  char name[25];
  std::snprintf(name, sizeof name, "%08X%08X%08X", timeline, static_cast<unsigned>(lsn >> 32),
                static_cast<unsigned>((lsn & 0xFFFFFFFFU) / segment_bytes));
  return name;
}

}  // namespace

bool is_role_query(std::string_view text) {
  return text.find("pg_is_in_recovery()") != std::string_view::npos;
}

bool is_recovery_query(std::string_view text) {
  return text == "SELECT pg_catalog.pg_is_in_recovery()";
}

std::string role_row_description() {
  return wire::row_description(
      {"is_in_recovery", "system_identifier", "start_time_us", "max_connections", "walfile_name", "write_lsn",
       "receive_lsn", "replay_lsn", "replay_delay_ms", "has_wal_receiver", "received_timeline",
       "control_timeline", "is_replay_paused", "superuser_reserved_connections", "reserved_connections",
       "connections_used", "is_cnpg_managed", "backend_pid", "is_still_in_recovery"});
}

std::string role_data_row(const role_state& role, std::uint32_t pid, std::uint64_t sessions) {
  const bool is_standby = role.is_in_recovery;
  // What the other role's columns hold: NULL.
  const auto of_standby = [is_standby](std::string value) {
    return is_standby ? std::optional(std::move(value)) : std::nullopt;
  };
  const auto of_primary = [is_standby](std::string value) {
    return is_standby ? std::nullopt : std::optional(std::move(value));
  };
  const std::string timeline = std::to_string(role.timeline);
  return wire::data_row({
      yes_or_no(is_standby),
      std::to_string(role.system_identifier),
      std::to_string(role.start_time_us),
      std::to_string(role.max_connections),
      of_primary(walfile_name(role.timeline, role.write_lsn)),
      of_primary(std::to_string(role.write_lsn)),
      of_standby(std::to_string(role.receive_lsn)),
      of_standby(std::to_string(role.replay_lsn)),
      of_standby(std::to_string(role.replay_delay_ms)),
      yes_or_no(is_standby && role.has_wal_receiver),
      is_standby && role.has_wal_receiver ? std::optional(timeline) : std::nullopt,
      of_standby(timeline),
      of_standby(yes_or_no(role.is_replay_paused)),
      std::to_string(role.superuser_reserved_connections),
      std::to_string(role.reserved_connections),
      std::to_string(static_cast<std::uint64_t>(role.connections_used) + sessions),
      yes_or_no(role.is_cnpg_managed),
      std::to_string(role.is_pooled ? pid + 1 : pid),
      yes_or_no(is_standby),
  });
}

}  // namespace pgsteer::test
