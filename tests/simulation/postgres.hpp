#pragma once
// postgres: one PostgreSQL of the simulated world as it truly is, and the timelines of its cluster.
//
// It knows nothing of pgsteer. Values, but for timelines, which one world owns; one thread.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "pgsteer/topology/types.hpp"
#include "simulation/dice.hpp"

namespace pgsteer::simulation {

using topology::lsn;
using topology::system_identifier;
using topology::timeline_id;

struct postgres {
  system_identifier system;
  timeline_id timeline;
  std::size_t branch = 0;        // of its cluster's timelines; a stranger's is not known
  timeline_id control_timeline;  // what the control file says: behind timeline until a restartpoint
  std::uint64_t position = 0;    // written by a primary, replayed by a standby
  time_point moved_at;           // when position was brought up to date
  bool is_in_recovery = true;
  bool has_receiver = false;          // standby: it streams from source
  bool is_receiver_waiting = false;   // standby: source went another way, and the receiver gets nothing
  std::optional<std::size_t> source;  // standby: the place it was told to follow

  bool is_running = true;
  time_point ready_at;  // 57P03 before that
  bool is_frozen = false;
  bool is_login_hung = false;     // the postmaster alone stands still
  bool is_shutting_down = false;  // 57P03 to new logins, and it waits for its sessions to end
  bool is_probe_welcome = true;   // credentials are right and a slot is free
};

// Every timeline of one cluster. Two may bear one number: standbys without an archive choose alike.
class timelines {
 public:
  timelines() : branches_{{0, {1}, 0}} {}

  // Returns the branch that begins at this position of another one.
  [[nodiscard]] std::size_t fork(std::size_t parent, timeline_id number, std::uint64_t begins_at);
  [[nodiscard]] timeline_id number(std::size_t branch) const { return branches_[branch].number; }
  // True if a standby that has replayed to this position of a branch can go on with the other one: both are
  // the same, or the other one left it no earlier.
  [[nodiscard]] bool leads(std::size_t branch, std::uint64_t position, std::size_t to) const;

 private:
  struct fork_point {
    std::size_t parent;
    timeline_id number;
    std::uint64_t begins_at;
  };
  std::vector<fork_point> branches_;
};

}  // namespace pgsteer::simulation
