#include "pgsteer/story/failover_story.hpp"

#include <algorithm>

#include "pgsteer/base/log.hpp"

namespace pgsteer::story {
namespace {

// A sign after which nothing was lost for so long had another reason, such as a session that simply ended.
constexpr auto sign_memory = seconds{2};
// Signs without end, such as sessions that PostgreSQL ends all the time, are none.
constexpr auto sign_age_max = seconds{5};

std::int64_t since(std::uint64_t now, std::uint64_t before) {
  return static_cast<std::int64_t>(now - before);
}

}  // namespace

void failover_story::note_sign(topology::backend_id id, origin from, std::string_view what, time_point now) {
  if (primary_ != id || lost_at_) return;
  const bool is_first = !sign_at_ || now - last_sign_at_ > sign_memory;
  // Sessions that the backend ends all the time do not keep another sign alive.
  if (!is_first && from == origin::session && sign_origin_ != from) return;
  last_sign_at_ = now;
  if (!is_first) {
    sign_origin_ = from;
    return;
  }
  sign_ = what;
  sign_origin_ = from;
  sign_at_ = now;
}

// That a new login is slow, an answer on an open connection does not contradict.
void failover_story::note_answer(topology::backend_id id, time_point asked_at) {
  const bool is_contradicted =
      primary_ == id && !lost_at_ && sign_at_ && sign_origin_ == origin::session && asked_at >= last_sign_at_;
  if (is_contradicted) sign_at_.reset();
}

void failover_story::note_decision(const runtime::counted_topology& published, time_point now) {
  const topology::topology_snapshot& snapshot = *published.snapshot;
  const bool has_rw = snapshot.rw_valid_until.has_value();
  if (primary_ && !lost_at_ && (!has_rw || snapshot.primary != primary_)) lose(now);
  if (has_rw && primary_ && snapshot.primary != primary_) prove(*snapshot.find(*snapshot.primary), now);
  if (!has_rw) return;
  if (lost_at_ && snapshot.primary == primary_) sign_at_.reset();   // the same one is back,
  if (!primary_ || snapshot.primary == primary_) lost_at_.reset();  // and what it was lost for is over
  if (primary_ == snapshot.primary) return;
  primary_ = snapshot.primary;
  remember_primary(snapshot, counters);
}

// What is needed of it once it is lost, when the snapshot may no longer have it.
void failover_story::remember_primary(const runtime::counted_topology& published) {
  const auto& backends = published.snapshot->backends;
  const auto found = std::ranges::find(backends, *primary_, &topology::backend_status::id);
  const auto index = static_cast<std::size_t>(found - backends.begin());
  in_use_ = {to_string(found->address), counters[index], 0};
}

void failover_story::lose(time_point now) {
  lost_at_ = now;
  if (sign_at_ && (now - last_sign_at_ > sign_memory || now - *sign_at_ > sign_age_max)) sign_at_.reset();
  began_at_ = sign_at_.value_or(now);
  lost_ = in_use_;
  lost_.sessions = lost_.counters->sessions.value();
  before_ = count_logins();
  log(log_level::info, "first sign of trouble at the primary",
      {{"backend", std::string_view(lost_.address)},
       {"sign", sign_at_ ? sign_ : std::string_view("the decision itself")},
       {"seconds_ago", in_seconds(now - began_at_)},
       {"sessions", static_cast<std::int64_t>(lost_.sessions)}});
}

void failover_story::prove(const topology::backend_status& successor, time_point now) {
  histograms_.detect.observe(in_seconds(*lost_at_ - began_at_));
  histograms_.prove.observe(in_seconds(now - *lost_at_));
  sign_at_.reset();
  lost_at_.reset();
  proven_at_ = closing_since_ = now;
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
       {"logins_held", since(totals.held, before_.held)},
       {"logins_released", since(totals.released, before_.released)},
       {"logins_expired", since(totals.expired, before_.expired)},
       {"stale_refusals", since(totals.stale_refused, before_.stale_refused)}});
  proven_at_.reset();
}

void failover_story::tick(time_point now) {
  if (!closing_since_ || closing_.counters->sessions.value() > 0) return;
  log(log_level::info, "no session is left on the old primary",
      {{"backend", std::string_view(closing_.address)},
       {"sessions", static_cast<std::int64_t>(closing_.sessions)},
       {"seconds_since_proof", in_seconds(now - *closing_since_)}});
  closing_since_.reset();
}

}  // namespace pgsteer::story
