#pragma once
// Judges topology's snapshots by its own record of what was told and by the simulated truth: invariants I1 to
// I4, I6 and I7 of the design, after every event. (I5, the time a held client waits, is session's.)
//
// Written against the rules, not against topology's sources; shares none of its types but the public ones.
#include <optional>
#include <string>
#include <vector>

#include "unit/topology/simulated_cluster.hpp"

namespace pgsteer::topology::testing {

class witness {
 public:
  witness(const simulated_cluster& cluster, topology_options options);

  // Takes note of what topology was told. Strangers may appear once the cluster must be known.
  void note(const simulated_event& event);
  [[nodiscard]] bool has_seen_a_primary() const { return highest_.value > 0 && has_been_complete_; }

  // The first broken rule in words, empty if all hold.
  [[nodiscard]] std::string check(const simulated_event& event, const topology_snapshot& snapshot,
                                  std::optional<time_point> next_deadline);

  // How often a rule had something to say: a test that never gets there proves nothing.
  struct coverage {
    std::uint64_t rw_eligible = 0, ro_eligible = 0, must_be_eligible = 0, fenced = 0, foreign = 0, dead = 0,
                  rivals = 0, primary_changes = 0;
  };
  [[nodiscard]] const coverage& covered() const { return covered_; }

 private:
  struct evidence {
    std::optional<role_answer> answer;
    time_point answered_at;
    std::optional<probe_outcome> outcome;  // the newest one but local trouble
    time_point heard_at;
    std::optional<time_point> alive_at;  // the newest sign of life
    std::optional<time_point> told_at;   // the first result of any kind
    time_point newest_question;
    int answers_since_change = 0;
    std::optional<time_point> trouble_at;  // the newest local trouble
    bool was_dead = false;                 // a late sign of life does not raise the dead
    bool has_lapsed = false;               // was dead and has shown no role since
  };

  [[nodiscard]] std::string check_backend(std::size_t index, const backend_status& status,
                                          const topology_snapshot& snapshot);
  [[nodiscard]] std::string check_read_write(std::size_t index, const backend_status& status,
                                             const topology_snapshot& snapshot) const;
  [[nodiscard]] std::string check_read_only(std::size_t index, const backend_status& status) const;
  [[nodiscard]] std::string check_sessions(std::size_t index, const backend_status& status,
                                           const topology_snapshot& snapshot);
  [[nodiscard]] std::string check_change_of_primary(const simulated_event& event,
                                                    const topology_snapshot& snapshot);
  [[nodiscard]] bool was_chosen_among_several(backend_id primary) const;
  [[nodiscard]] bool has_heard_of_all() const;
  [[nodiscard]] bool has_asked_all_again() const;
  [[nodiscard]] bool must_be_eligible(std::size_t index) const;
  [[nodiscard]] bool claims(std::size_t index) const;
  [[nodiscard]] bool may_be_dead(std::size_t index) const;
  [[nodiscard]] std::optional<std::size_t> index_of(backend_id id) const;

  const simulated_cluster& cluster_;
  topology_options options_;
  std::vector<evidence> evidence_;
  timeline_id highest_;                     // ever told by a primary of ours
  lsn highest_lsn_;                         // its position when it was first told
  std::optional<time_point> resumed_at_;    // end of the last pause
  std::optional<backend_id> last_primary_;  // the last one named
  std::optional<topology_snapshot> previous_;
  bool has_been_complete_ = false;  // every backend was probed once: from then on the cluster is known
  coverage covered_;
};

}  // namespace pgsteer::topology::testing
