#pragma once
// The verdict on one backend: role, what it may take, what becomes of its sessions, and why, in words.
//
// Private to topology; pure. Reasons hold no figure that changes from probe to probe: a changed reason is a
// changed verdict and makes a generation.
#include "topology/election.hpp"

namespace pgsteer::topology {

// What one decision found about the cluster as a whole.
struct findings {
  identity cluster;
  fence limit;
  election elected;
  lsn primary_write_lsn;  // the last known one, of the present or the last primary
  time_point now;
  time_point fresh_from;  // answers to earlier questions do not make anybody rw-eligible (rule 6)
  duration role_ttl{};
  bool may_rest = true;  // false: no other standby is eligible, so one that was lost repeatedly will do
};

// True if the backend is a standby that is passed over only because it was lost repeatedly.
[[nodiscard]] bool rests(const knowledge& backend, time_point now) noexcept;

[[nodiscard]] backend_status judge(backend_id id, const knowledge& backend, const findings& found);

}  // namespace pgsteer::topology
