#include "pgsteer/story/failover_story.hpp"

#include "pgsteer/base/log.hpp"

namespace pgsteer::story {
namespace {

// A symptom after which nothing was lost for so long had another cause, such as a session that simply ended.
constexpr auto symptom_memory = seconds{2};
// Symptoms that go on for longer, such as sessions that PostgreSQL ends all the time, announce no loss.
constexpr auto symptom_age_max = seconds{5};

past_primary as_primary(const topology::backend_status& of) {
  return {of.name.text(), to_string(of.address), of.timeline};
}

std::int64_t since(std::uint64_t now, std::uint64_t before) {
  return static_cast<std::int64_t>(now - before);
}

}  // namespace

void failover_story::note_symptom(topology::backend_id id, origin from, std::string_view what,
                                  time_point now) {
  if (primary_ != id || lost_at_) return;
  const bool is_first = !symptom_at_ || now - last_symptom_at_ > symptom_memory;
  // Sessions that the backend ends all the time do not keep another symptom alive.
  if (!is_first && from == origin::session && symptom_origin_ != from) return;
  last_symptom_at_ = now;
  if (!is_first) {
    symptom_origin_ = from;
    return;
  }
  symptom_ = what;
  symptom_origin_ = from;
  symptom_at_ = now;
}

// An answer on an open connection does not contradict that new logins are slow.
void failover_story::note_answer(topology::backend_id id, time_point asked_at) {
  const bool is_contradicted = primary_ == id && !lost_at_ && symptom_at_ &&
                               symptom_origin_ == origin::session && asked_at >= last_symptom_at_;
  if (is_contradicted) symptom_at_.reset();
}

void failover_story::note_decision(const runtime::used_topology& published, time_point now) {
  const topology::topology_snapshot& snapshot = *published.snapshot;
  // One that settles, or that the operator has disabled, is not lost, and was proven.
  const bool has_rw =
      snapshot.rw_valid_until.has_value() || snapshot.is_settling || snapshot.is_primary_kept_by_order();
  if (primary_ && !lost_at_ && (!has_rw || snapshot.primary != primary_)) lose(now);
  if (has_rw && primary_ && snapshot.primary != primary_) {
    prove(*snapshot.find(*snapshot.primary), snapshot.is_settling, now);
  }
  history_.note_roles(snapshot, wall_clock());
  if (!has_rw) return;
  if (proven_at_ && !settled_at_ && !snapshot.is_settling) settle(now);
  if (lost_at_ && snapshot.primary == primary_) come_back(now);     // the same one is back,
  if (!primary_ || snapshot.primary == primary_) lost_at_.reset();  // and what it was lost for is over
  if (primary_ == snapshot.primary) return;
  primary_ = snapshot.primary;
  remember_primary(published);
}

// What is needed of it once it is lost, when the snapshot may no longer have it.
void failover_story::remember_primary(const runtime::used_topology& published) {
  const topology::backend_status& primary = *published.snapshot->find(*primary_);
  in_use_ = {as_primary(primary), published.use_of(primary), 0};
}

void failover_story::settle(time_point now) {
  settled_at_ = now;
  history_.note_settled(now);
}

void failover_story::come_back(time_point now) {
  symptom_at_.reset();
  history_.note_logins(now, count_logins());
  history_.note_return(now);
}

void failover_story::lose(time_point now) {
  lost_at_ = now;
  if (symptom_at_ && (now - last_symptom_at_ > symptom_memory || now - *symptom_at_ > symptom_age_max))
    symptom_at_.reset();
  began_at_ = symptom_at_.value_or(now);
  lost_ = in_use_;
  lost_.sessions = lost_.use->counters.sessions.value();
  before_ = count_logins();
  const std::string_view sign = symptom_at_ ? symptom_ : std::string_view("the decision itself");
  const auto ago = std::chrono::duration_cast<wall_time::duration>(now - began_at_);
  history_.note_loss({lost_.who, lost_.sessions, sign, began_at_, wall_clock() - ago}, now, before_);
  log(log_level::info, "first sign of trouble at the primary",
      {{"backend", std::string_view(lost_.who.address)},
       {"sign", sign},
       {"seconds_ago", in_seconds(now - began_at_)},
       {"sessions", static_cast<std::int64_t>(lost_.sessions)}});
}

void failover_story::prove(const topology::backend_status& successor, bool is_settling, time_point now) {
  history_.note_proof(as_primary(successor), is_settling, now);
  histograms_.detect.observe(in_seconds(*lost_at_ - began_at_));
  histograms_.prove.observe(in_seconds(now - *lost_at_));
  symptom_at_.reset();
  lost_at_.reset();
  proven_at_ = closing_since_ = now;
  settled_at_.reset();
  closing_ = lost_;
  new_address_ = to_string(successor.address);
  await_login(successor.id);
}

void failover_story::note_login(time_point now) {
  if (!proven_at_) return;
  histograms_.login.observe(in_seconds(now - *proven_at_));
  histograms_.total.observe(in_seconds(now - began_at_));
  const login_totals totals = count_logins();
  log(log_level::info, "first rw login on the new primary: the failover is over",
      {{"backend", std::string_view(new_address_)},
       {"seconds_since_first_sign", in_seconds(now - began_at_)},
       {"seconds_since_proof", in_seconds(now - *proven_at_)},
       {"seconds_settling", in_seconds(settled_at_.value_or(*proven_at_) - *proven_at_)},
       {"logins_held", since(totals.held, before_.held)},
       {"logins_released", since(totals.released, before_.released)},
       {"logins_expired", since(totals.expired, before_.expired)},
       {"stale_refusals", since(totals.stale_refused, before_.stale_refused)}});
  history_.note_logins(now, totals);
  history_.note_login(now);
  proven_at_.reset();
}

void failover_story::tick(time_point now) {
  history_.note_logins(now, count_logins());
  if (!closing_since_ || closing_.use->counters.sessions.value() > 0) return;
  history_.note_emptied(now);
  log(log_level::info, "no session is left on the old primary",
      {{"backend", std::string_view(closing_.who.address)},
       {"sessions", static_cast<std::int64_t>(closing_.sessions)},
       {"seconds_since_proof", in_seconds(now - *closing_since_)}});
  closing_since_.reset();
}

}  // namespace pgsteer::story
