#pragma once
// What is known about one backend, and how a probe result changes it. Facts only: no role is decided here.
//
// Private to topology; owned by the table in class topology, so the control thread's.
//
// Three clocks: probed_at of the last probe of any kind, heard_at of the newest one that says something
// about the backend, answered_at of the newest good answer. All are sent_at of the probe: what it says was
// true at that instant or later, so a late result never overwrites what a later question found.
#include <map>
#include <optional>

#include "pgsteer/topology/topology.hpp"

namespace pgsteer::topology {

// What an outcome tells about the backend's readiness for new sessions.
enum class standing {
  open,      // answered: the role is known anew
  refusing,  // alive, but does not tell the probe its role; the last answer counts until role_ttl
  shut,      // alive, but takes no new session (hung, not accepting or shutting down, or TLS not agreed)
  silent,    // no PostgreSQL there: the count towards dead_after runs
  ours,      // local trouble: says nothing about the backend
};
[[nodiscard]] standing standing_of(probe_outcome outcome) noexcept;

struct knowledge {
  backend_spec spec;
  bool is_leaving = false;
  bool is_replaced = false;             // leaving, and another backend has its address
  bool left_as_primary = false;         // leaving, and the primary in use when it was named last
  std::optional<operator_order> order;  // as of the last decision

  std::optional<probe_outcome> last_outcome;  // of the last probe, local trouble included
  time_point probed_at = time_point::min();
  std::optional<probe_outcome> outcome;  // of the newest probe that says something about the backend
  time_point heard_at;
  std::optional<role_answer> answer;  // the newest good one
  time_point answered_at;
  // Gone or starting up since its last proof: another PostgreSQL may be there by now, or the same in another
  // role, so that who refuses the probe is not taken at its last word.
  bool may_be_another = false;

  // It answered while it refused new logins with 57P03, and nothing but that it accepts none was heard since.
  bool is_shutting_down = false;

  // When the probe's connection was last ended by 57P01.
  time_point terminated_at = time_point::min();

  // Recovery never goes back to a lower timeline without a restart: a proof holds for the same run of it.
  timeline_id followed;              // the fence that it was proven to follow
  std::int64_t followed_in_run = 0;  // start_time_us at that time

  // Stood beside another primary in use on this timeline: that one's silence does not make it the primary.
  timeline_id rival_on;
  backend_id rival_of;

  std::optional<time_point> late_at;  // a probe asked then is overdue, and nothing newer is known

  std::optional<time_point> silent_since;  // the first miss in a row, but not before watched_from
  time_point watched_from = time_point::min();
  bool is_dead = false;     // silent for dead_after, and not a sign of life since
  bool has_lapsed = false;  // was dead, and has shown no role since

  // Lost connections of a backend that comes back each time (a crash loop), and until when it rests for it.
  unsigned losses = 0;
  time_point rests_until = time_point::min();

  [[nodiscard]] bool is(standing value) const noexcept { return outcome && standing_of(*outcome) == value; }
  // Takes new sessions as far as its last words go.
  [[nodiscard]] bool is_responsive() const noexcept {
    return (is(standing::open) || is(standing::refusing)) && !late_at;
  }
};

// As if it had never been asked.
void forget_all(knowledge& backend);

// For the process that follows this one; and there, but for the results, which are recorded then.
[[nodiscard]] recollection::backend recall(backend_id id, const knowledge& backend);
void remember(knowledge& backend, const recollection::backend& past);

using backend_table = std::map<backend_id, knowledge>;

// True once every backend that discovery names had a first probe, whatever came of it.
[[nodiscard]] bool was_everybody_probed(const backend_table& backends) noexcept;
// True once everybody who had been probed by then was asked again, whatever came of it.
[[nodiscard]] bool was_everybody_asked_since(const backend_table& backends, time_point then) noexcept;

// The row of the result if it proves a role. A row without an identifier, or of a primary without its
// timeline, proves nothing: nobody could say which cluster or which side of a failover it speaks for.
[[nodiscard]] std::optional<role_answer> proof_in(const probe_result& result);

// Takes the result in. A miss, an error or local trouble never erases an answer.
void absorb(knowledge& backend, const probe_result& result);

// A backend that was lost rests this long after its return, doubling with every loss up to the maximum: the
// probe's own logins are the trial. It has to stay for loss_memory after that to begin anew at rest_min.
inline constexpr duration rest_min = milliseconds{500};
inline constexpr duration rest_max = seconds{30};
inline constexpr duration loss_memory = seconds{60};

// The probe asked at sent_at is overdue. Ignored if something newer is known.
void note_overdue(knowledge& backend, time_point sent_at) noexcept;

// The count towards dead_after starts anew, not before this instant: what nobody watched is no silence, also
// of a probe that slept through it and misses only now.
void restart_silence(knowledge& backend, time_point watched_from) noexcept;

}  // namespace pgsteer::topology
