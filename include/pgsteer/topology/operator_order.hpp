#pragma once
// operator_order: what the operator has ordered about one backend, for a time or until it is taken back.
//
// It moves no role: who is the primary is proven as ever. A value; any thread.
#include <array>
#include <optional>
#include <string_view>

#include "pgsteer/base/clock.hpp"

namespace pgsteer::topology {

struct operator_order {
  enum class kind {
    disable,  // it takes no new session, neither rw nor ro
    drain,    // nor keeps those that it has: each leaves when it is idle outside a transaction
  };

  kind what = kind::disable;
  std::optional<time_point> until = {};  // from then on as if there had been none; unset: for good

  friend bool operator==(const operator_order&, const operator_order&) = default;
};
inline constexpr std::array all_operator_orders{operator_order::kind::disable, operator_order::kind::drain};
[[nodiscard]] std::string_view to_string(operator_order::kind value) noexcept;  // "disable"
// The kind with this word; nothing if there is none.
[[nodiscard]] std::optional<operator_order::kind> to_operator_order(std::string_view word) noexcept;
[[nodiscard]] std::string_view in_force(operator_order::kind value) noexcept;  // "disabled"

// Shorter is over before anybody has seen it; longer is for good, which needs no number.
inline constexpr seconds order_time_min{1};
inline constexpr std::chrono::hours order_time_max{24 * 365};

}  // namespace pgsteer::topology
