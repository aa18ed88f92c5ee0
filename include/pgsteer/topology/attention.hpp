#pragma once
// attention: decides whom to probe when: at once, again and again, or no more often than usual.
//
// Not a judge of roles (that is topology.hpp), and not the timetable of one backend: what a burst is and how
// it ends by itself is the prober's. Pure: no socket, no clock, no log; events in, orders out. Not
// thread-safe; the control thread owns it.
//
// Flow:
//   note_hint(id, hint)          a session or a login noticed something
//   note_late(id)                a probe is late, and topology was told
//   note_snapshot(snapshot, now) topology decided
//   note_mark_replaced()         the operator replaced the mark
//   tick(now)                    at the start, and then every tick_interval
// Each returns orders. Carry them out in turn; what comes of one is the next event.
#include <cstdint>
#include <optional>
#include <vector>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/topology/backend_name.hpp"
#include "pgsteer/topology/hint.hpp"
#include "pgsteer/topology/snapshot.hpp"

namespace pgsteer::topology {

inline constexpr duration tick_interval = milliseconds{100};

struct order {
  enum class kind {
    ask_once,           // this backend, at once
    burst,              // this backend, at once and at the burst interval from now on
    burst_all,          // every backend likewise; prolongs the bursts there are
    end_bursts,         // end all bursts
    refresh_discovery,  // look soon which backends exist
    note_pause,         // tell topology that the process stood still
  };
  kind what{};
  backend_id id{};         // of ask_once and burst
  duration stood_still{};  // of note_pause

  friend bool operator==(const order&, const order&) = default;
};
using orders = std::vector<order>;

class attention {
 public:
  // A backend that is not known any more does no harm.
  [[nodiscard]] orders note_hint(backend_id id, hint noticed) const;
  [[nodiscard]] orders note_late(backend_id id) const;
  // Every decision, in turn; one with the generation of the last is nothing new.
  [[nodiscard]] orders note_snapshot(const topology_snapshot& snapshot, time_point now);
  [[nodiscard]] orders note_mark_replaced() const;
  // A tick that is late means that the process did not run: that time counts for nothing.
  [[nodiscard]] orders tick(time_point now);

 private:
  struct named_backend {
    backend_id id;
    backend_name name;

    friend bool operator==(const named_backend&, const named_backend&) = default;
  };

  [[nodiscard]] orders watch(backend_id id) const;
  [[nodiscard]] bool is_watching(time_point now) const;
  [[nodiscard]] std::optional<std::vector<backend_id>> note_backends(const topology_snapshot& snapshot);
  void burst_all_in(orders& wanted, time_point now);

  std::uint64_t generation_ = 0;  // of the last snapshot
  std::vector<backend_id> known_;
  std::vector<named_backend> named_;  // by discovery; the others of known_ are leaving
  std::optional<backend_id> primary_;
  bool has_had_primary_ = false;
  std::optional<time_point> lost_at_;  // since when there is no usable primary, once there was one
  time_point burst_at_;                // the last burst_all that was ordered
  std::optional<time_point> ticked_at_;
};

}  // namespace pgsteer::topology
