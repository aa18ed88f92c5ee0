#pragma once
// retry_rules: what follows an attempt at a backend that did not work out, and how long a login waits.
//
// Pure; one for each packet of a login that needs a backend, on its worker's thread.
//
// Flow: failed() after each attempt; none_left() when routing has nobody -> wait until then, give_up() if
// that was too long; another_round() before routing is asked again.
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/login/hold_line.hpp"
#include "pgsteer/routing/choose.hpp"
#include "pgsteer/topology/hint.hpp"
#include "pgsteer/topology/types.hpp"

namespace pgsteer::login {

enum class attempt_end {
  failed,         // no connection, or no sensible answer: the backend is at fault
  cut,            // the backend may not have this login any more
  refused,        // 57P03 or the like before authentication: another backend, or later
  full,           // 53300: likewise, and no reason to ask the backend how it is
  local_trouble,  // this host is at fault
};

class retry_rules {
 public:
  // As long as the slowest dial that is not unusual takes, so that a backend that restarts is not hammered.
  static constexpr auto pause_min = milliseconds{50};
  static constexpr auto pause_max = seconds{1};
  // After trouble of this host, such as EMFILE: long enough for other sessions to end, short for a client.
  static constexpr auto local_trouble_pause = milliseconds{100};

  // hold_timeout: of the listener, as it is when the login begins to look for a backend.
  explicit retry_rules(duration hold_timeout) noexcept : hold_timeout_(hold_timeout) {}

  // The backend is not chosen again for this login until another_round(), unless it was not at fault.
  // Returns what the prober is told of it, if anything.
  std::optional<topology::hint> failed(topology::backend_id backend, attempt_end how);
  [[nodiscard]] std::span<const topology::backend_id> tried() const noexcept { return tried_; }

  struct waiting {
    time_point until;
    hold_line::wish wish = hold_line::wish::a_backend;
  };
  // Routing has no backend for it.
  [[nodiscard]] waiting none_left(routing::no_backend why, time_point now) noexcept;
  // It has one, but nobody may dial now; until when the login waits for that, in whatever queues. at_least:
  // from the first of them on, however long it has been held, since there is a backend, and others merely
  // came first.
  [[nodiscard]] time_point dial_by(time_point now, duration at_least) noexcept;
  // As dial_by(), for another while from now on: it has waited for something else until now.
  [[nodiscard]] time_point dial_later(time_point now, duration at_least) noexcept;
  // Trouble of this host is no backend's fault, so the same one is tried again then.
  [[nodiscard]] time_point sit_out(time_point now) noexcept;
  [[nodiscard]] bool give_up(time_point now) const noexcept { return deadline_ && now >= *deadline_; }

  // Something may have changed.
  void another_round() noexcept { tried_.clear(); }

  // "no usable backend after waiting 10 s: no backend is proven primary"
  [[nodiscard]] std::string why_held() const;
  [[nodiscard]] std::string why_not_dialed() const;

 private:
  [[nodiscard]] time_point deadline(time_point now) noexcept;

  duration hold_timeout_;
  std::optional<time_point> deadline_;  // set when the login first had to wait
  std::optional<time_point> dial_by_;   // set when it first had to wait for a dial
  duration pause_ = pause_min;          // before an eligible backend that refused is asked again; doubles
  routing::no_backend why_held_ = routing::no_backend::all_tried;
  std::vector<topology::backend_id> tried_;
};

}  // namespace pgsteer::login
