#pragma once
// What a signal to stop means, by those that came before.
//
// Supervisors and shells send more than one: Ctrl-C goes to the whole group and is passed on by a wrapper as
// well, and a SIGTERM is repeated. Impatient is who presses Ctrl-C again, or sends another signal a second
// later.
//
// Pure.
#include <csignal>
#include <optional>

#include "pgsteer/base/clock.hpp"

namespace pgsteer::server {

class stop_signals {
 public:
  static constexpr duration one_act = seconds{1};

  enum class meaning { begin, nothing_new, impatience };
  [[nodiscard]] meaning take(int number, time_point now) noexcept {
    if (!first_) {
      first_ = {number, now};
      return meaning::begin;
    }
    const bool is_another = number != first_->number && now - first_->at >= one_act;
    const bool is_again = number == SIGINT && first_->number == SIGINT;
    return is_another || is_again ? meaning::impatience : meaning::nothing_new;
  }

 private:
  struct taken {
    int number;
    time_point at;
  };
  std::optional<taken> first_;
};

}  // namespace pgsteer::server
