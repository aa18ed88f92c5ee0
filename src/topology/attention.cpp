#include "pgsteer/topology/attention.hpp"

#include <algorithm>

namespace pgsteer::topology {
namespace {

using enum order::kind;

// A tick this late means that the process did not run (SIGSTOP, a frozen cgroup, a starved host): what was
// known before may be long untrue. Ten ticks: ordinary scheduling delay stays far below.
constexpr duration pause_min = 10 * tick_interval;
// How long a lost primary's successor is looked for at the burst interval: Patroni needs its ttl of 30 s and
// some seconds more. After that a cluster that is down is asked at the ordinary interval.
constexpr duration close_watch_max = seconds{120};
// A burst lasts probe_options::burst_time (2 s) from its last order, so it is prolonged well before.
constexpr duration hint_interval = milliseconds{500};

}  // namespace

orders attention::note_hint(backend_id id, hint noticed) const {
  switch (noticed) {
    // The backend itself is asked, at once and once: only its answer, or none, is a reason to ask all of them
    // again and again.
    case hint::session_lost:
      return {{refresh_discovery}, {ask_once, id}};
    case hint::session_ended:
    case hint::login_slow:
      return {{ask_once, id}};
    case hint::login_failed: {
      orders wanted = watch(id);
      wanted.push_back({refresh_discovery});
      return wanted;
    }
    // A manager changes such things around a promotion: it is worth watching, and discovery has just been
    // asked.
    case hint::discovery_changed:
      return watch(id);
  }
  return {};
}

orders attention::note_late(backend_id id) const {
  return watch(id);
}

orders attention::watch(backend_id id) const {
  // A lost primary is followed by a promotion elsewhere: every backend is worth watching now.
  if (primary_ == id) return {{burst_all}};
  return {{burst, id}};
}

// Between the loss of a primary and the proof of the next every backend is asked at the burst interval, also
// one that is discovered meanwhile.
orders attention::note_snapshot(const topology_snapshot& snapshot, time_point now) {
  if (snapshot.generation == generation_) return {};
  generation_ = snapshot.generation;
  primary_ = snapshot.primary;
  has_had_primary_ = has_had_primary_ || primary_.has_value();
  orders wanted;
  // Nobody is to take the place of one that the operator has disabled.
  const bool has_primary = snapshot.rw_valid_until.has_value() || snapshot.is_primary_kept_by_order();
  const bool is_lost_now = !has_primary && has_had_primary_ && !lost_at_;
  if (is_lost_now) lost_at_ = now;
  if (has_primary && lost_at_) {
    lost_at_.reset();
    wanted.push_back({end_bursts});
  }
  const auto known_before = note_backends(snapshot);
  if (is_lost_now || (known_before && is_watching(now))) {
    burst_all_in(wanted, now);
  } else if (known_before) {
    // One that is new is asked at once anyway.
    for (const backend_id id : *known_before) {
      if (snapshot.find(id) != nullptr) wanted.push_back({ask_once, id});
    }
  }
  return wanted;
}

// If discovery names others than before, or calls them otherwise, whom topology knew until then. One that
// left and is forgotten is no news.
std::optional<std::vector<backend_id>> attention::note_backends(const topology_snapshot& snapshot) {
  std::vector<backend_id> known;
  std::vector<named_backend> named;
  for (const backend_status& status : snapshot.backends) {
    known.push_back(status.id);
    if (!status.is_leaving) named.push_back({status.id, status.name});
  }
  known_.swap(known);
  named_.swap(named);
  if (named == named_) return std::nullopt;
  return known;
}

orders attention::note_mark_replaced() const {
  return {{burst_all}};
}

orders attention::tick(time_point now) {
  orders wanted;
  const duration passed = now - ticked_at_.value_or(now);
  ticked_at_ = now;
  if (passed >= pause_min) {
    // Everybody is asked, whatever the decision that follows says.
    burst_all_in(wanted, now);
    wanted.push_back({note_pause, {}, passed});
    // Nobody watched meanwhile.
    if (lost_at_) lost_at_ = std::min(*lost_at_ + passed, now);
  }
  if (is_watching(now) && now - burst_at_ >= hint_interval) burst_all_in(wanted, now);
  return wanted;
}

bool attention::is_watching(time_point now) const {
  return lost_at_ && now - *lost_at_ <= close_watch_max;
}

void attention::burst_all_in(orders& wanted, time_point now) {
  burst_at_ = now;
  wanted.push_back({burst_all});
}

}  // namespace pgsteer::topology
