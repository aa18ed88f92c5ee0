#include "pgsteer/login/retry_rules.hpp"

#include <algorithm>

#include "pgsteer/base/assert.hpp"

namespace pgsteer::login {
namespace {

std::string in_words(duration waited, std::string_view why) {
  const auto ms = std::chrono::duration_cast<milliseconds>(waited).count();
  const std::string wait = ms % 1000 == 0 ? std::to_string(ms / 1000) + " s" : std::to_string(ms) + " ms";
  return "no usable backend after waiting " + wait + ": " + std::string(why);
}

}  // namespace

std::optional<topology::hint> retry_rules::failed(topology::backend_id backend, attempt_end how) {
  switch (how) {
    case attempt_end::local_trouble:
    case attempt_end::cut:
      return std::nullopt;
    case attempt_end::full:
      tried_.push_back(backend);
      return std::nullopt;
    case attempt_end::failed:
    case attempt_end::refused:
      tried_.push_back(backend);
      return topology::hint::login_failed;
  }
  return std::nullopt;
}

retry_rules::waiting retry_rules::none_left(routing::no_backend why, time_point now) noexcept {
  const time_point until_last = deadline(now);
  if (why != routing::no_backend::all_tried) {
    why_held_ = why;
    return {until_last, hold_line::wish::a_backend};
  }
  // Eligible by the snapshot, yet it refused: ask again at the next change, or ever more rarely, since each
  // dial is a fork there.
  const time_point until = std::min<time_point>(until_last, now + pause_);
  pause_ = std::min<duration>(pause_ * 2, pause_max);
  return {until, hold_line::wish::a_change};
}

time_point retry_rules::dial_by(time_point now, duration at_least) noexcept {
  if (!dial_by_) dial_by_ = std::max<time_point>(deadline(now), now + at_least);
  return *dial_by_;
}

time_point retry_rules::dial_later(time_point now, duration at_least) noexcept {
  dial_by_ = std::max<time_point>(dial_by(now, at_least), now + at_least);
  return *dial_by_;
}

time_point retry_rules::sit_out(time_point now) noexcept {
  return std::min<time_point>(now + local_trouble_pause, deadline(now));
}

// Of all that it waits for, one after the other.
time_point retry_rules::deadline(time_point now) noexcept {
  if (!deadline_) deadline_ = now + hold_timeout_;
  return *deadline_;
}

std::string retry_rules::why_held() const {
  return in_words(hold_timeout_, routing::to_string(why_held_));
}

std::string retry_rules::why_not_dialed() const {
  PGSTEER_ASSERT(deadline_ && dial_by_);
  return in_words(*dial_by_ - (*deadline_ - hold_timeout_), "too many logins dial at once");
}

}  // namespace pgsteer::login
