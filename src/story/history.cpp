#include "pgsteer/story/history.hpp"

#include <utility>

namespace pgsteer::story {
namespace {

// Held logins are released as the new primary has room, one after the other. A client that has left while it
// was held is never accounted for.
constexpr auto accounting_time_max = seconds{30};

template <class Entry>
void keep(std::deque<Entry>& entries, Entry newest, std::size_t entries_max) {
  entries.push_back(std::move(newest));
  if (entries.size() > entries_max) entries.pop_front();
}

bool is_under_way(const failover& which) noexcept {
  using enum failover::stage;
  return which.reached == lost || which.reached == settling || which.reached == proven;
}

}  // namespace

void history::note_loss(loss what, time_point now, const login_totals& logins) {
  if (!failovers_.empty() && is_under_way(failovers_.back()))
    failovers_.back().reached = failover::stage::cut_short;
  failover begun;
  begun.number = ++count_;
  begun.began_at_wall = what.began_at_wall;
  begun.sign = what.sign;
  begun.from = std::move(what.from);
  begun.sessions = what.sessions;
  begun.began_at = what.began_at;
  begun.lost_at = now;
  keep(failovers_, std::move(begun), failovers_max);
  before_ = logins;
  ended_at_.reset();
  is_counting_ = true;
  ++revision_;
}

void history::note_return(time_point now) {
  if (failovers_.empty() || failovers_.back().reached != failover::stage::lost) return;
  failovers_.back().returned_at = now;
  end(failovers_.back(), failover::stage::same_primary, now);
}

void history::note_proof(past_primary successor, bool is_settling, time_point now) {
  if (failovers_.empty() || failovers_.back().reached != failover::stage::lost) return;
  failover& newest = failovers_.back();
  newest.to = std::move(successor);
  newest.proven_at = now;
  newest.reached = is_settling ? failover::stage::settling : failover::stage::proven;
  ++revision_;
}

void history::note_settled(time_point now) {
  if (failovers_.empty() || failovers_.back().reached != failover::stage::settling) return;
  failovers_.back().settled_at = now;
  failovers_.back().reached = failover::stage::proven;
  ++revision_;
}

// An encrypted login may be seen before the settling is over: it was on its way.
void history::note_login(time_point now) {
  if (failovers_.empty() || !failovers_.back().proven_at || !is_under_way(failovers_.back())) return;
  failovers_.back().login_at = now;
  end(failovers_.back(), failover::stage::over, now);
}

void history::note_emptied(time_point now) {
  failover* const which = newest_proven();
  if (which == nullptr || which->emptied_at) return;
  which->emptied_at = now;
  ++revision_;
}

failover* history::newest_proven() noexcept {
  for (auto each = failovers_.rbegin(); each != failovers_.rend(); ++each) {
    if (each->proven_at) return &*each;
  }
  return nullptr;
}

void history::end(failover& which, failover::stage how, time_point now) {
  which.reached = how;
  ended_at_ = now;
  ++revision_;
}

void history::note_logins(time_point now, const login_totals& logins) {
  if (!is_counting_) return;
  login_totals& of = failovers_.back().logins;
  const login_totals before = of;
  // Whoever is held after the end is held for something else.
  if (!ended_at_) of.held = logins.held - before_.held;
  of.released = logins.released - before_.released;
  of.expired = logins.expired - before_.expired;
  of.stale_refused = logins.stale_refused - before_.stale_refused;
  if (of != before) ++revision_;
  const bool are_all_done = of.released + of.expired >= of.held;
  if (ended_at_ && (are_all_done || now - *ended_at_ > accounting_time_max)) is_counting_ = false;
}

void history::note_roles(const topology::topology_snapshot& snapshot, wall_time now) {
  std::map<topology::backend_id, topology::role> known;
  for (const topology::backend_status& status : snapshot.backends) {
    const auto found = roles_.find(status.id);
    const topology::role before = found == roles_.end() ? topology::role::unknown : found->second;
    const bool is_known = status.role != topology::role::unknown;
    known[status.id] = is_known ? status.role : before;
    if (!is_known || before == topology::role::unknown || status.role == before) continue;
    keep(role_changes_,
         {.at = now,
          .name = status.name.text(),
          .address = to_string(status.address),
          .from = before,
          .to = status.role,
          .timeline = status.timeline,
          .reason = status.reason},
         role_changes_max);
    ++revision_;
  }
  roles_ = std::move(known);
}

}  // namespace pgsteer::story
