#pragma once
// spin_policy: when a worker that has nothing to do polls for a moment instead of waiting, since a wait costs
// the waking of its core: some 40 us of each way on machines whose idle cores sleep.
//
// It spins only while what it waits for has been coming at once, never long, and not where another thread
// wants the core. Pure: the clock is the caller's. One per worker.
//
// Flow: wants_to_spin(now) -> true: poll, and say how that ended by hit(), missed() or lost_core()
//                          -> false: wait, and say how long that took by waited().
#include "pgsteer/base/clock.hpp"

namespace pgsteer::relay {

class spin_policy {
 public:
  // A round trip to PostgreSQL on the same network and back, a short query included; five times what a
  // wake-up costs. A spin in vain costs this much processor time.
  static constexpr auto spin_time = microseconds{200};
  // Waits in a row that a spin would have outlasted, before one is tried again.
  static constexpr int short_waits_min = 2;
  // A thread that gives its core up for nobody is back after a fraction of a microsecond; for the client or
  // the server of one session, after the 20 us in which they answer. Longer, and others need the core.
  static constexpr auto lost_after = microseconds{100};
  // Where the core was wanted no spin is tried for this long, twice as long each time in a row.
  static constexpr auto pause_min = milliseconds{1};
  static constexpr auto pause_max = milliseconds{128};

  [[nodiscard]] bool wants_to_spin(time_point now) const noexcept {
    return short_waits_ >= short_waits_min && now >= paused_until_;
  }
  void waited(duration how_long) noexcept {
    short_waits_ =
        how_long <= spin_time ? (short_waits_ < short_waits_min ? short_waits_ + 1 : short_waits_) : 0;
  }
  void hit() noexcept { pause_ = pause_min; }
  void missed() noexcept { short_waits_ = 0; }
  void lost_core(time_point now) noexcept {
    paused_until_ = now + pause_;
    pause_ = pause_ * 2 < pause_max ? pause_ * 2 : pause_max;
  }

 private:
  int short_waits_ = 0;
  duration pause_ = pause_min;
  time_point paused_until_{};
};

}  // namespace pgsteer::relay
