#pragma once
// oracle: judges what topology decides and routing chooses by its own record of what was told and by the
// truth.
//
// Written against the rules, not against the sources; shares with them no type but the public ones. One
// history, one thread.
//
// Flow: note what topology is told, as it is told -> check() every decision -> check_choice() at any time.
// A check returns the first broken rule in words, or nullptr.
#include <array>
#include <cstdint>
#include <optional>

#include "pgsteer/routing/choose.hpp"
#include "simulation/world.hpp"

namespace pgsteer::simulation {

using topology::backend_id;
using topology::backend_status;
using topology::fence_mark;
using topology::operator_order;
using topology::probe_result;
using topology::replacement_sign;
using topology::topology_snapshot;

// One decision and what came with it.
struct decision {
  const topology_snapshot& snapshot;
  const topology_snapshot* previous = nullptr;  // of this process; nullptr: there is none
  std::optional<time_point> next_deadline;
  std::optional<fence_mark> mark;
  bool is_after_result = false;  // a probe's result was the event before it
};

// How often a rule had something to say: a run that never gets there proves nothing.
struct coverage {
  std::uint64_t rw_eligible = 0;
  std::uint64_t ro_eligible = 0;
  std::uint64_t must_take_rw = 0;
  std::uint64_t stable_primaries = 0;
  std::uint64_t elections = 0;
  std::uint64_t fenced = 0;
  std::uint64_t fenced_by_mark = 0;  // below a remembered timeline that nobody has shown since
  std::uint64_t strangers = 0;
  std::uint64_t rivals = 0;
  std::uint64_t dead = 0;
  std::uint64_t late = 0;
  std::uint64_t shutting_down = 0;
  std::uint64_t resting = 0;
  std::uint64_t settling = 0;
  std::uint64_t switching_over = 0;
  std::uint64_t ordered_primaries = 0;  // proven ones, and nothing but the order keeps new sessions from them
  std::uint64_t ordered_standbys = 0;

  struct named_counter {
    const char* name;
    std::uint64_t coverage::*counter;
  };
  static constexpr std::array<named_counter, 17> all();
  void add(const coverage& other);
};

constexpr std::array<coverage::named_counter, 17> coverage::all() {
  return {{{"rw_eligible", &coverage::rw_eligible},
           {"ro_eligible", &coverage::ro_eligible},
           {"must_take_rw", &coverage::must_take_rw},
           {"stable_primaries", &coverage::stable_primaries},
           {"elections", &coverage::elections},
           {"fenced", &coverage::fenced},
           {"fenced_by_mark", &coverage::fenced_by_mark},
           {"strangers", &coverage::strangers},
           {"rivals", &coverage::rivals},
           {"dead", &coverage::dead},
           {"late", &coverage::late},
           {"shutting_down", &coverage::shutting_down},
           {"resting", &coverage::resting},
           {"settling", &coverage::settling},
           {"switching_over", &coverage::switching_over},
           {"ordered_primaries", &coverage::ordered_primaries},
           {"ordered_standbys", &coverage::ordered_standbys}}};
}

// Outcomes after which new sessions may be sent to a backend whose role is known.
[[nodiscard]] bool lets_in(topology::probe_outcome outcome);

class oracle {
 public:
  using verdict = const char*;

  // probe_period: in two of them without a disturbance everybody is asked and answers.
  oracle(const world& truth, const topology::topology_options& options, duration probe_period);

  // A new process, with the mark that it was given, if any.
  void restarted(const std::optional<fence_mark>& mark);
  void told_names();
  void forgot(std::size_t index);
  void told(std::size_t index, const probe_result& result);
  void told_late(std::size_t index, time_point sent_at);
  // pgsteer does nothing until then, noticed or not.
  void stands_still_until(time_point then) { disturbed_at_ = std::max(disturbed_at_, then); }
  void told_pause();
  void told_mark(const std::optional<fence_mark>& mark);
  void told_replacement(backend_id from, replacement_sign sign);
  void told_withdrawal() {
    if (announced_) announced_->is_withdrawn = true;
  }
  void told_order(std::size_t index, const std::optional<operator_order>& wanted) {
    ordered_[index] = wanted;
  }
  // Results of this place come late, twice or not at all, through no fault of its own.
  void meddled(std::size_t index) { seen_[index].meddled_at = truth_.now(); }

  // Which places the backends of this snapshot are; before check() whenever the backends may have changed.
  void enrol(const topology_snapshot& snapshot);
  [[nodiscard]] verdict check(const decision& made);
  // snapshot: the last one checked.
  [[nodiscard]] verdict check_choice(const routing::route_policy& policy, const routing::choice& chosen,
                                     const topology_snapshot& snapshot);

  [[nodiscard]] timeline_id highest() const { return highest_; }
  [[nodiscard]] bool has_seen_strangers() const;
  [[nodiscard]] const coverage& covered() const { return covered_; }

 private:
  struct evidence {
    std::optional<backend_id> id;
    bool is_named = false;
    bool left_as_primary = false;  // was named last as the primary in use
    bool is_heard = false;         // a first result of any kind came
    bool is_heard_anew = false;    // the same, since the operator replaced the mark
    std::optional<role_answer> answer;
    time_point answered_at;
    std::optional<probe_outcome> outcome;  // the newest one but local trouble
    time_point heard_at;
    time_point newest_question = time_point::min();
    // The highest timeline that it was proven to follow, and in which run of PostgreSQL.
    timeline_id followed;
    std::int64_t followed_in_run = 0;
    // Answered as a primary on this timeline while that backend, in use, did too.
    timeline_id rival_on;
    backend_id rival_of;
    bool is_shutting_down = false;  // it answered beside a refusal with 57P03, and said only that since
    time_point terminated_at = time_point::min();  // its connection was last ended by 57P01
    bool is_held = false;                          // as of the last decision: by what its manager does
    bool was_gone = false;                         // or starting up, and has proved nothing since
    std::optional<time_point> late_at;
    time_point meddled_at = time_point::min();

    // Its silence began no earlier than unwatched_until and no later than missing_since.
    time_point unwatched_until = time_point::min();
    std::optional<time_point> missing_since;
    bool may_be_dead = false;
    bool must_be_dead = false;
    bool may_have_lapsed = false;  // may have been dead, and has shown no role since
    bool must_have_lapsed = false;

    std::optional<time_point> lost_at;  // it was there and its connection was lost
    std::optional<time_point> back_at;  // it answered again after that
  };

  void note_outcome(evidence& known, const probe_result& result);
  void note_proof(evidence& known, const probe_result& result);
  void age();

  [[nodiscard]] bool is_member(const evidence& known) const;
  [[nodiscard]] bool is_stranger(const evidence& known) const;
  [[nodiscard]] bool claims(const evidence& known) const;
  [[nodiscard]] static bool is_absent(const evidence& known);
  [[nodiscard]] bool was_everybody_heard() const;
  [[nodiscard]] bool was_everybody_asked_again() const;
  [[nodiscard]] bool is_primary_answering() const;
  [[nodiscard]] bool has_rival(const evidence& known, bool counts_doubtful) const;
  [[nodiscard]] bool is_sound_standby(const evidence& known) const;
  [[nodiscard]] bool must_take_rw(const evidence& known) const;
  [[nodiscard]] bool is_settling(const evidence& known) const;
  struct announcement {
    backend_id from;
    time_point until;
    bool is_withdrawn = false;
  };
  [[nodiscard]] bool is_told(const std::optional<announcement>& sign, const evidence& known) const;
  [[nodiscard]] bool is_switching_over(const evidence& known) const;
  [[nodiscard]] bool is_stopped_soon(const evidence& known) const;
  [[nodiscard]] bool is_stable_primary(std::size_t index) const;

  [[nodiscard]] verdict check_backend(std::size_t index, const backend_status& status,
                                      const topology_snapshot& snapshot);
  [[nodiscard]] verdict check_ordered(std::size_t index, const backend_status& status);
  [[nodiscard]] verdict check_eligible(std::size_t index, const backend_status& status);
  [[nodiscard]] verdict check_read_write(std::size_t index) const;
  [[nodiscard]] verdict check_read_only(std::size_t index) const;
  [[nodiscard]] bool shows_timeline(const evidence& known) const;
  [[nodiscard]] bool is_on_timeline(const evidence& known) const;
  [[nodiscard]] bool is_known_rival(const evidence& known) const;
  void note_rivals();
  [[nodiscard]] verdict check_sessions(const evidence& known, const backend_status& status,
                                       const topology_snapshot& snapshot);
  [[nodiscard]] verdict check_primary(const topology_snapshot& snapshot);
  [[nodiscard]] verdict check_incumbent(const topology_snapshot& snapshot) const;
  [[nodiscard]] verdict check_rest(const topology_snapshot& snapshot);
  [[nodiscard]] verdict check_fence(const decision& made);
  [[nodiscard]] verdict check_generation(const decision& made) const;
  [[nodiscard]] verdict check_no_primary() const;
  [[nodiscard]] verdict check_lag(const routing::route_policy& policy, const evidence& known) const;

  const world& truth_;
  topology::topology_options options_;
  duration probe_period_;
  std::array<evidence, places_count> seen_;        // by place
  std::array<std::size_t, places_count> order_{};  // places in the order of a snapshot's backends
  std::array<std::optional<operator_order>, places_count> ordered_;  // by place, whoever knows it
  std::size_t backends_ = 0;
  bool is_pinned_ = false;
  timeline_id highest_;                    // ever told by a primary of ours, as far as it must be known
  lsn highest_lsn_;                        // its position when it was first told
  timeline_id remembered_;                 // by a mark
  std::optional<time_point> risen_at_;     // when the highest one was asked for that rose over a known one
  std::optional<announcement> announced_;  // by its manager's status
  std::optional<announcement> deleted_;    // by the deletion of its pod
  std::optional<time_point> resumed_at_;
  time_point marked_at_ = time_point::min();  // the mark was last given or replaced
  time_point disturbed_at_;                   // pgsteer itself, or its list of backends
  std::uint64_t primary_position_ = 0;
  std::optional<backend_id> incumbent_;     // as of the last decision
  std::optional<backend_id> last_primary_;  // the last one there was
  std::uint64_t elections_ = 0;
  std::uint64_t causes_ = 0;  // of elections, besides reigns
  coverage covered_;
};

}  // namespace pgsteer::simulation
