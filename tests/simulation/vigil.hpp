#pragma once
// vigil: judges whom pgsteer probes when, by the prober's timetable after every decision, hint and tick.
//
// Like oracle it is written against the rules, with their figures, and not against the sources. One history,
// one thread.
//
// Flow: restarted() -> check() after every decision, check_tick(), check_hint(). A check returns the first
// broken rule in words, or nullptr.
#include <array>
#include <cstdint>
#include <optional>

#include "pgsteer/topology/hint.hpp"
#include "pgsteer/topology/snapshot.hpp"
#include "simulation/world.hpp"

namespace pgsteer::simulation {

class vigil {
 public:
  using verdict = const char*;

  // The timetable of one place's probe.
  struct timetable {
    bool is_known = false;  // there is a probe
    bool is_asking = false;
    bool is_burst = false;
    time_point asked_at;
    time_point due;
  };
  using timetables = std::array<timetable, places_count>;

  struct given_hint {
    std::size_t place = 0;
    topology::hint noticed{};
    bool is_of_primary = false;  // in use
  };

  // Nothing is demanded of bursts where there are none.
  vigil(bool has_bursts, duration burst_interval)
      : has_bursts_(has_bursts), burst_interval_(burst_interval) {}

  void restarted();
  [[nodiscard]] verdict check(const topology::topology_snapshot& snapshot, const timetables& probes,
                              time_point now);
  [[nodiscard]] verdict check_tick(bool is_pause_noted, time_point now);
  [[nodiscard]] verdict check_hint(const given_hint& given, const timetables& before, const timetables& after,
                                   time_point now) const;
  // Discovery named others; whoever is known is asked at once.
  [[nodiscard]] verdict check_names(const timetables& probes, time_point now) const;

  // How often a primary was lost and its successor watched for.
  [[nodiscard]] std::uint64_t losses() const { return losses_; }

 private:
  [[nodiscard]] bool is_due(const timetable& probe, time_point now) const;

  bool has_bursts_;
  duration burst_interval_;
  bool has_had_primary_ = false;
  std::optional<time_point> lost_at_;
  std::optional<time_point> ticked_at_;
  std::uint64_t losses_ = 0;
};

}  // namespace pgsteer::simulation
