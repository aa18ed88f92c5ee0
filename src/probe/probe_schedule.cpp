#include "probe/probe_schedule.hpp"

#include <algorithm>

namespace pgsteer::probe {
namespace {

duration scale(duration value, double factor) {
  return std::chrono::duration_cast<duration>(value * factor);
}

}  // namespace

probe_schedule::ending probe_schedule::ending_of(topology::probe_outcome outcome) noexcept {
  using topology::probe_outcome;
  switch (outcome) {
    case probe_outcome::answered:
    case probe_outcome::login_hung:
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
    : interval_(options.interval),
      burst_interval_(options.burst_interval),
      burst_time_(options.burst_time),
      login_interval_(options.login_interval),
      due_(now),
      started_(now - options.interval),
      login_due_(now + options.login_interval),
      login_started_(now) {}

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
  login_due_ = std::min(login_due_, login_started_ + interval_);
  expedite(now);
}

void probe_schedule::expedite(time_point now) {
  is_expedited_ = is_running_;
  due_ = std::min(due_, std::max(now, started_ + burst_interval_));
}

void probe_schedule::start_login(time_point now) {
  login_started_ = now;
  is_login_running_ = true;
}

void probe_schedule::end_login(ending how, double random) {
  is_login_running_ = false;
  login_due_ =
      login_started_ + (how == ending::answered ? scale(login_interval_, 0.8 + 0.2 * random) : interval_);
}

}  // namespace pgsteer::probe
