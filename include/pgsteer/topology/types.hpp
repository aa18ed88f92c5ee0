#pragma once
// PostgreSQL's replication terms as strong types: roles, timelines, LSNs, system identifiers.
//
// Values only; any thread. Terms as in functions-admin.html#FUNCTIONS-RECOVERY-CONTROL and
// continuous-archiving.html#BACKUP-TIMELINES.
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pgsteer::topology {

// What the last trusted probe said (pg_is_in_recovery()).
enum class role { unknown, primary, standby };
[[nodiscard]] std::string_view to_string(role value) noexcept;

// Grows by one at every promotion; 0 means not known.
struct timeline_id {
  std::uint32_t value = 0;
  friend auto operator<=>(const timeline_id&, const timeline_id&) = default;
};

// A position in the write-ahead log, in bytes; 0 means not known (InvalidXLogRecPtr).
struct lsn {
  std::uint64_t value = 0;
  friend auto operator<=>(const lsn&, const lsn&) = default;
};
// PostgreSQL's form, "16/B374D848".
[[nodiscard]] std::string to_string(lsn value);

// Drawn by initdb, shared by every backend of one cluster; 0 means not known.
struct system_identifier {
  std::uint64_t value = 0;
  friend auto operator<=>(const system_identifier&, const system_identifier&) = default;
};

// Names one backend for as long as the process lives; never reused, so a late probe result of a backend
// that left cannot be taken for its successor's.
struct backend_id {
  std::uint32_t value = 0;
  friend auto operator<=>(const backend_id&, const backend_id&) = default;
};

// What tells that a primary is about to be replaced.
enum class replacement_sign {
  status,    // its manager's word, which may be withdrawn
  deletion,  // its pod is being deleted, which nobody takes back
};
inline constexpr std::size_t replacement_sign_count = 2;

}  // namespace pgsteer::topology
