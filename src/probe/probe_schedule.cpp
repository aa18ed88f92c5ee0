#include "probe/probe_schedule.hpp"

#include <algorithm>
#include <utility>

namespace pgsteer::probe {
namespace {

duration scale(duration value, double factor) {
  return std::chrono::duration_cast<duration>(value * factor);
}

// Sooner than the interval, by an amount that keeps neighbours from falling into step.
constexpr double login_share_min = 0.75;
constexpr double login_share_spread = 0.2;

constexpr duration watch_cost = microseconds{50};  // 25 measured, over loopback
constexpr double watch_budget = 0.01;              // of a core

}  // namespace

duration watch_interval_of(const probe_options& options, std::size_t backends) noexcept {
  return std::max(options.watch_interval, scale(watch_cost, static_cast<double>(backends) / watch_budget));
}

probe_schedule::ending probe_schedule::ending_of(topology::probe_outcome outcome) noexcept {
  using topology::probe_outcome;
  switch (outcome) {
    case probe_outcome::answered:
    case probe_outcome::login_hung:
    case probe_outcome::shutting_down:
      return ending::answered;
    case probe_outcome::wrong_credentials:
    case probe_outcome::missing_database:
    case probe_outcome::too_many_clients:
    case probe_outcome::query_failed:
      return ending::turned_away;
    case probe_outcome::refused:
    case probe_outcome::unreachable:
    case probe_outcome::timed_out:
    case probe_outcome::connection_lost:
    case probe_outcome::not_accepting:
    case probe_outcome::tls_failed:
    case probe_outcome::not_postgresql:
    case probe_outcome::local_trouble:
      return ending::failed;
  }
  return ending::failed;
}

probe_schedule::probe_schedule(const probe_options& options, time_point now)
    : due_(now),
      started_(now - options.interval),
      login_due_(now + options.login_interval),
      login_started_(now) {
  take(options);
}

void probe_schedule::change_options(const probe_options& options, time_point now) noexcept {
  take(options);
  due_ = std::min(due_, now + interval_);
  login_due_ = std::min(login_due_, now + login_pause(login_share_spread));
}

void probe_schedule::take(const probe_options& options) noexcept {
  interval_ = options.interval;
  burst_interval_ = options.burst_interval;
  burst_time_ = options.burst_time;
  login_interval_ = options.login_interval;
  primary_login_interval_ = std::min(options.primary_login_interval, options.login_interval);
}

void probe_schedule::start(time_point now) {
  started_ = now;
  is_running_ = true;
  is_expedited_ = false;
}

void probe_schedule::end(ending how, time_point now, double random) {
  is_running_ = false;
  due_ = started_ + std::max(gap(how, now, random), burst_interval_);
  if (is_expedited_) expedite(now);
}

duration probe_schedule::gap(ending how, time_point now, double random) {
  const duration backoff = backoff_;
  backoff_ = how == ending::answered ? backoff_min : std::min(backoff_ * 2, interval_);
  if (is_burst(now) && how != ending::turned_away) return burst_interval_;
  if (how != ending::answered) return std::min(backoff, interval_);
  if (is_phase_open_) {
    is_phase_open_ = false;
    return share_of_interval(random);
  }
  return share_of_interval(0.9 + 0.1 * random);  // a tenth keeps neighbours from falling into step again
}

duration probe_schedule::share_of_interval(double share) const {
  return scale(interval_, share);
}

void probe_schedule::lose(time_point now) {
  backoff_ = backoff_min;
  expedite(now);
}

void probe_schedule::hint(time_point now) {
  burst_until_ = now + burst_time_;
  is_phase_open_ = true;
  ask_once(now);
}

void probe_schedule::ask_once(time_point now) {
  const time_point due = login_started_ + interval_;
  is_login_hinted_ = is_login_hinted_ || due <= login_due_;
  login_due_ = std::min(login_due_, due);
  expedite(now);
}

void probe_schedule::expedite(time_point now) {
  is_expedited_ = is_running_;
  due_ = std::min(due_, std::max(now, started_ + burst_interval_));
}

void probe_schedule::note_role(bool is_in_recovery) noexcept {
  const known_role before = std::exchange(role_, is_in_recovery ? known_role::standby : known_role::primary);
  const bool is_new_primary = role_ == known_role::primary && before != known_role::primary;
  if (is_new_primary && !is_login_running_)
    login_due_ = std::min(login_due_, login_started_ + primary_login_interval_);
}

duration probe_schedule::login_pause(double random) const {
  return scale(role_ == known_role::primary ? primary_login_interval_ : login_interval_,
               login_share_min + login_share_spread * random);
}

void probe_schedule::note_client_login(time_point since, double random) {
  if (role_ != known_role::primary || is_login_hinted_) return;
  login_due_ = std::max(login_due_, since + login_pause(random));
}

void probe_schedule::start_login(time_point now) {
  login_started_ = now;
  is_login_running_ = true;
  is_login_hinted_ = false;
}

void probe_schedule::end_login(ending how, double random) {
  is_login_running_ = false;
  login_due_ = login_started_ + (how == ending::answered ? login_pause(random) : interval_);
}

}  // namespace pgsteer::probe
