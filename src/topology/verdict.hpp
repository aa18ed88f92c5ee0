#pragma once
// The verdict on one backend: role, what it may take, what becomes of its sessions, and why.
//
// Private to topology; pure. No words: those are wording.cpp's.
#include "topology/election.hpp"

namespace pgsteer::topology {

// What one decision found about the cluster as a whole.
struct findings {
  identity cluster;
  fence current_fence;
  election elected;
  lsn primary_write_lsn;           // the last known one, of the present or the last primary
  bool has_stale_primary = false;  // one below the fence answers
  time_point now;
  bool is_primary_answering = false;  // it shows the timeline that the others ought to follow
  time_point fresh_from;              // answers to earlier questions do not make anybody rw-eligible (rule 6)
  bool is_asked_again = true;         // everybody, since fresh_from
  duration role_ttl{};
  bool ends_idle_sessions = true;  // of a backend that shuts down
  bool is_settling = false;        // the primary, after its promotion
  bool is_switching_over = false;  // the primary, by an announcement
  bool is_stopped_soon = false;    // and will not wait for sessions then
  bool may_rest = true;  // false: no other standby is eligible, so one that was lost repeatedly will do
};

// Where a standby that answered stands, by what it shows now or has proved since it was started.
[[nodiscard]] following place_of(const knowledge& backend, const findings& found) noexcept;

// True if the backend is a standby that is passed over only because it was lost repeatedly.
[[nodiscard]] bool rests(const knowledge& backend, time_point now) noexcept;

[[nodiscard]] backend_status judge(backend_id id, const knowledge& backend, const findings& found);

}  // namespace pgsteer::topology
