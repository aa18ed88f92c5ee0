#pragma once
// A listener's routing policy; filled by config. Values; any thread.
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "pgsteer/base/clock.hpp"

namespace pgsteer::routing {

// libpq's values: libpq-connect.html#LIBPQ-CONNECT-TARGET-SESSION-ATTRS. "any" asks for no role.
enum class target_session_attrs { any, read_write, read_only, primary, standby, prefer_standby };
inline constexpr std::array all_target_session_attrs{
    target_session_attrs::any,     target_session_attrs::read_write, target_session_attrs::read_only,
    target_session_attrs::primary, target_session_attrs::standby,    target_session_attrs::prefer_standby};
[[nodiscard]] std::string_view to_string(target_session_attrs value) noexcept;  // "prefer-standby"

// True if sessions of this route must be on the primary (read-write, primary): such sessions are closed when
// their backend loses the role.
[[nodiscard]] bool needs_primary(target_session_attrs route) noexcept;

enum class balance { round_robin, least_sessions };
inline constexpr std::array all_balances{balance::round_robin, balance::least_sessions};
[[nodiscard]] std::string_view to_string(balance value) noexcept;  // "round-robin"

struct route_policy {
  target_session_attrs route = target_session_attrs::primary;
  routing::balance balance = balance::round_robin;
  // A standby further behind takes no new session; unset: no bound. Both may be set; both then hold.
  std::optional<std::uint64_t> replay_lag_bytes_max;
  std::optional<milliseconds> replay_delay_max;
  // Backends of pgsteer's own zone come first, each as long as it has at most so many times the connections
  // of the least used one elsewhere, which counts as zone_sessions_min at least. Unset: however many it has.
  std::optional<std::uint32_t> zone_imbalance_max = 2;

  friend bool operator==(const route_policy&, const route_policy&) = default;
};

// So few sessions overload no server: as long as a standby has no more, no ratio matters.
inline constexpr std::uint32_t zone_sessions_min = 10;

}  // namespace pgsteer::routing
