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
  const time_point since = now - uncounted_for;
  while (answers_.size() > 1 && answers_[1].at <= since) answers_.pop_front();
  const std::int64_t sent_before = answers_.empty() ? 0 : answers_.front().sent;
  answer latest{now, sent_, free + ours_, free + ours_};
  std::int64_t least = latest.left_by_others;
  for (const answer& each : answers_) {
    if (each.at > now - counted_too_long_for) latest.at_most = std::max(latest.at_most, each.left_by_others);
    if (each.at > since) least = std::min(least, each.at_most);
  }
  if (answers_.empty() || now >= answers_.back().at + remembered_every) {
    answers_.push_back(latest);
  } else {
    answer& last = answers_.back();
    last.left_by_others = std::max(last.left_by_others, latest.left_by_others);
    last.at_most = std::max(last.at_most, latest.at_most);
  }
  return std::clamp<std::int64_t>(latest.left_by_others - std::min(least, latest.at_most), 0,
                                  sent_ - sent_before);
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
