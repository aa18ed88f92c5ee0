#pragma once
// When one backend is asked next; and beside that, when a fresh login is tried and whether it is watched.
//
// Pure: time and randomness are handed in. Not thread-safe; one per backend_probe.
//
// Flow: due() -> start(now) -> end(how, now, random) -> due() ...; hint(), ask_once(), end_bursts(), lose(),
// expedite() and change_options() at any time. Two starts are never closer than burst_interval, whatever is
// hinted.
#include <cstddef>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/probe/options.hpp"
#include "pgsteer/topology/probe_result.hpp"

namespace pgsteer::probe {

// Pause before the second login to a backend that does not let us in; doubles up to the interval.
inline constexpr duration backoff_min = milliseconds{100};

// How often all standbys are watched so that it takes less than 1 % of a core: up to 50 us for each.
[[nodiscard]] duration watch_interval_of(const probe_options& options, std::size_t backends) noexcept;

class probe_schedule {
 public:
  enum class ending {
    answered,
    failed,
    turned_away,  // alive, but it does not let the probe in: each try costs it a process and a line of its
                  // log
  };

  [[nodiscard]] static ending ending_of(topology::probe_outcome outcome) noexcept;

  probe_schedule(const probe_options& options, time_point now);

  void change_options(const probe_options& options, time_point now) noexcept;

  [[nodiscard]] time_point due() const noexcept { return due_; }
  [[nodiscard]] bool is_burst(time_point now) const noexcept { return now < burst_until_; }

  // random: uniform in [0, 1); spreads the backends so that they are not all asked in one moment.
  void start(time_point now);
  void end(ending how, time_point now, double random);
  // The open connection ended by itself: log in again at once.
  void lose(time_point now);
  // Something suggests a change: ask now, then every burst_interval for burst_time.
  void hint(time_point now);
  // Perhaps nothing: ask now, once, and try a fresh login unless one was tried within the interval.
  void ask_once(time_point now);
  // Nothing is left to find out: no burst any more.
  void end_bursts() noexcept { burst_until_ = time_point::min(); }
  // Ask at once, once; if a question is on its way, again after its answer, which may be older than the
  // reason.
  void expedite(time_point now);

  // What the last answer said: a primary is tried by logins more often, a standby is watched.
  void note_role(bool is_in_recovery) noexcept;
  // It may be promoted, and no role queries follow one another closely, which would tell as much.
  [[nodiscard]] bool wants_watching(time_point now) const noexcept {
    return role_ == known_role::standby && !is_burst(now);
  }

  [[nodiscard]] time_point login_due() const noexcept {
    return is_login_running_ ? time_point::max() : login_due_;
  }
  // A primary let a client in at this instant or later, which will do unless a fresh login was hinted at.
  void note_client_login(time_point since, double random);
  void start_login(time_point now);
  void end_login(ending how, double random);

 private:
  void take(const probe_options& options) noexcept;
  [[nodiscard]] duration gap(ending how, time_point now, double random);
  [[nodiscard]] duration share_of_interval(double share) const;
  [[nodiscard]] duration login_pause(double random) const;

  duration interval_;
  duration burst_interval_;
  duration burst_time_;
  duration login_interval_;
  duration primary_login_interval_;
  duration backoff_ = backoff_min;
  time_point due_;
  time_point started_;
  time_point burst_until_ = time_point::min();
  time_point login_due_;
  time_point login_started_;
  bool is_running_ = false;
  bool is_expedited_ = false;  // since the probe that is running was started
  enum class known_role { none, primary, standby } role_ = known_role::none;
  bool is_login_running_ = false;
  bool is_login_hinted_ = false;
  bool is_phase_open_ = true;  // all backends were started or hinted together: spread them over an interval
};

}  // namespace pgsteer::probe
