#pragma once
// How long the phases of a failover took, as JSON and the page show them; nothing here decides anything.
//
// Pure; any thread.
#include <optional>
#include <string_view>

#include "pgsteer/story/history.hpp"

namespace pgsteer::admin {

struct failover_phases {
  std::optional<milliseconds> detect;   // first sign to loss
  std::optional<milliseconds> prove;    // loss to the proof of a successor
  std::optional<milliseconds> settle;   // proof to the end of settling, if it had to settle
  std::optional<milliseconds> login;    // the end of that to the first rw login
  std::optional<milliseconds> total;    // first sign to first rw login, or to the return of the same primary
  std::optional<milliseconds> empty;    // proof to the end of the last session on the old primary
  std::optional<milliseconds> elapsed;  // since the first sign, of one that is under way
};
// Those that are over. Together detect, prove, settle and login are total.
[[nodiscard]] failover_phases phases_of(const story::failover& of, time_point now);

// "lost", "settling", "proven", "over", "same_primary", "cut_short".
[[nodiscard]] std::string_view to_string(story::failover::stage reached);

}  // namespace pgsteer::admin
