#pragma once
// history: the last failovers, phase by phase, and the last changes of role, for whoever looks afterwards.
//
// Measures nothing and decides nothing: failover_story tells it what it has measured. In memory only,
// bounded: the oldest goes first. Pure; control thread.
//
// Flow: note_loss() -> note_return(), or note_proof() -> [note_settled()] -> note_login() and note_emptied();
// note_logins() now and then, note_roles() with every decision.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/topology/snapshot.hpp"

namespace pgsteer::story {

// A page of them: who looks for an older one has the log. An entry is about 300 bytes.
inline constexpr std::size_t failovers_max = 20;
// As many as three backends change in that time, twice over.
inline constexpr std::size_t role_changes_max = 50;

using wall_time = std::chrono::system_clock::time_point;

// Of all listeners, since the process started.
struct login_totals {
  std::uint64_t held = 0;
  std::uint64_t released = 0;
  std::uint64_t expired = 0;
  std::uint64_t stale_refused = 0;

  bool operator==(const login_totals&) const = default;
};

// One primary, as it was called when it was one.
struct past_primary {
  std::string name;
  std::string address;
  topology::timeline_id timeline;
};

// From the first sign of trouble at a primary to the first rw login on its successor.
struct failover {
  enum class stage {
    lost,          // rw logins are held
    settling,      // a successor is proven, and takes rw logins soon
    proven,        // the first rw login there is awaited
    over,          // it came
    same_primary,  // none was needed: the primary is back
    cut_short,     // the successor was lost before its first rw login
  };

  std::uint64_t number = 0;  // 1 is the first since the process started
  stage reached = stage::lost;
  wall_time began_at_wall;
  std::string_view sign;  // the first one
  past_primary from;
  std::optional<past_primary> to;
  std::uint64_t sessions = 0;  // on the old primary when it was lost
  login_totals logins;         // of this failover alone
  time_point began_at;
  time_point lost_at;
  std::optional<time_point> proven_at;
  std::optional<time_point> settled_at;
  std::optional<time_point> login_at;
  std::optional<time_point> returned_at;  // of same_primary
  std::optional<time_point> emptied_at;   // the last session on the old primary has ended
};

struct role_change {
  wall_time at;
  std::string name;
  std::string address;
  topology::role from = topology::role::unknown;  // what it was last known to be
  topology::role to = topology::role::unknown;
  topology::timeline_id timeline;
  topology::verdict_reason reason;
};

class history {
 public:
  struct loss {
    past_primary from;
    std::uint64_t sessions = 0;
    std::string_view sign;  // a literal
    time_point began_at;
    wall_time began_at_wall;
  };
  void note_loss(loss what, time_point now, const login_totals& logins);
  void note_return(time_point now);
  void note_proof(past_primary successor, bool is_settling, time_point now);
  void note_settled(time_point now);
  void note_login(time_point now);
  void note_emptied(time_point now);
  // What was held because of the newest failover is counted until each of it has ended somehow.
  void note_logins(time_point now, const login_totals& logins);
  void note_roles(const topology::topology_snapshot& snapshot, wall_time now);

  // Oldest first.
  [[nodiscard]] const std::deque<failover>& failovers() const noexcept { return failovers_; }
  [[nodiscard]] const std::deque<role_change>& role_changes() const noexcept { return role_changes_; }
  // Grows with whatever changes in them.
  [[nodiscard]] std::uint64_t revision() const noexcept { return revision_; }

 private:
  // The newest one in which a successor was proven, or nullptr.
  [[nodiscard]] failover* newest_proven() noexcept;
  void end(failover& which, failover::stage how, time_point now);

  std::deque<failover> failovers_;
  std::deque<role_change> role_changes_;
  std::map<topology::backend_id, topology::role> roles_;  // last known ones
  std::uint64_t revision_ = 0;
  std::uint64_t count_ = 0;
  login_totals before_;                 // the newest failover
  std::optional<time_point> ended_at_;  // it, while its logins are still counted
  bool is_counting_ = false;
};

}  // namespace pgsteer::story
