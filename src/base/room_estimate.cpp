#include "pgsteer/base/room_estimate.hpp"

#include <algorithm>

namespace pgsteer {

void room_estimate::note_free(int free, time_point now) {
  const std::int64_t left = free - note_answer(free, now);
  const std::int64_t half = left > 0 ? (left + 1) / 2 : 0;
  const bool is_another_portion = !room_ || *room_ == portion_ || now >= portion_at_ + portion_time;
  room_ = is_another_portion ? half : std::min(*room_, half);
  if (is_another_portion) {
    portion_ = half;
    portion_at_ = now;
  }
}

std::int64_t room_estimate::note_answer(int free, time_point now) {
  while (!answers_.empty() && answers_.front().at <= now - uncounted_at_most_for) answers_.pop_front();
  answer latest{now, sent_, free + ours_, free + ours_};
  for (const answer& each : answers_) {
    if (each.at > now - counted_too_long_for) latest.at_most = std::max(latest.at_most, each.left_by_others);
  }
  std::int64_t uncounted = 0;
  for (const answer& each : answers_) {
    const std::int64_t more = std::min(latest.left_by_others - each.at_most, sent_ - each.sent);
    if (now - each.at < uncounted_for + more * uncounted_longer_by) uncounted = std::max(uncounted, more);
  }
  if (answers_.empty() || now >= answers_.back().at + remembered_every) {
    answers_.push_back(latest);
  } else {
    answer& last = answers_.back();
    last.left_by_others = std::max(last.left_by_others, latest.left_by_others);
    last.at_most = std::max(last.at_most, latest.at_most);
  }
  return uncounted;
}

void room_estimate::note_full() noexcept {
  if (room_) room_ = std::min<std::int64_t>(*room_, 0);
}

void room_estimate::take() noexcept {
  if (room_) --*room_;
  ++sent_;
  ++ours_;
}

void room_estimate::put_back() noexcept {
  if (room_) ++*room_;
  --ours_;
}

}  // namespace pgsteer
