#pragma once
// handover: what a manager does around a promotion, as far as it keeps a proven primary from new sessions for
// a while. A new primary settles; an old one is announced to be replaced.
//
// Private to topology; pure. No role follows from any of it: it only delays, and each delay has its end.
#include <array>
#include <optional>

#include "pgsteer/topology/types.hpp"
#include "topology/knowledge.hpp"

namespace pgsteer::topology {

class handover {
 public:
  // The manager that has called a switchover off, or let its time pass, is not believed again of the same
  // primary so soon: its word could keep new sessions waiting without end.
  static constexpr duration doubted_for = seconds{60};

  // A proof asked for at that instant raised the fence: somebody was promoted.
  void note_rise(time_point asked_at) noexcept { risen_at_ = asked_at; }
  void forget_rise() noexcept { risen_at_.reset(); }

  // This primary is about to be replaced; believed for so long. False: the same sign was there before, and
  // what is left of that time counts.
  bool announce(backend_id from, replacement_sign sign, time_point now, duration believed_for) noexcept;
  void withdraw_status() noexcept;
  // Who is the primary now: with a successor what was announced has come true.
  void note_elected(std::optional<backend_id> primary) noexcept;

  // Until when this primary settles at the longest; nothing if it has settled, or need not. It has once the
  // probe's connection was ended by 57P01 and is back.
  [[nodiscard]] std::optional<time_point> settles_until(const knowledge& primary,
                                                        const topology_options& options) const noexcept;
  // Until when new sessions of this primary wait for its successor; nothing if they need not.
  [[nodiscard]] std::optional<time_point> announced_until(backend_id primary, time_point now) const noexcept;
  // Its manager is about to stop it, and waits for no session, as a pod that is being deleted may do, however
  // long ago that was told.
  [[nodiscard]] bool is_stopped_soon(backend_id primary, time_point now) const noexcept;

 private:
  struct announcement {
    backend_id from;
    time_point until;
    bool is_withdrawn = false;

    [[nodiscard]] bool counts(backend_id primary, time_point now) const noexcept {
      return !is_withdrawn && from == primary && now < until;
    }
  };

  [[nodiscard]] const std::optional<announcement>& of(replacement_sign sign) const noexcept {
    return announced_.at(static_cast<std::size_t>(sign));
  }

  std::optional<time_point> risen_at_;
  std::array<std::optional<announcement>, replacement_sign_count> announced_;  // the last one of each sign
};

// Its manager, or the operator, and nothing else, keeps a backend with this reason from new sessions.
[[nodiscard]] bool is_delayed(const verdict_reason& reason) noexcept;

}  // namespace pgsteer::topology
