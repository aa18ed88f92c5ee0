#include "pgsteer/base/room_estimate.hpp"

#include <algorithm>

namespace pgsteer {

void room_estimate::note_free(int free, time_point asked_at, time_point now) {
  turns_.back().until = now;
  while (!turns_.empty() && turns_.front().until <= asked_at - unseen_for) {
    turns_.pop_front();
    ++first_;
  }
  std::int64_t unseen = 0;
  for (const sent& each : turns_) unseen += each.alive;
  if (!turns_.empty()) unseen -= std::max(0, turns_.front().free.value_or(free) - free);
  const std::int64_t left = free - std::max<std::int64_t>(unseen, 0);
  const std::int64_t half = left > 0 ? (left + 1) / 2 : 0;
  const bool is_another_portion = !room_ || *room_ == portion_ || now >= portion_at_ + portion_time;
  room_ = is_another_portion ? half : std::min(*room_, half);
  if (is_another_portion) {
    portion_ = half;
    portion_at_ = now;
  }
  if (!turns_.empty() && turns_.back().alive == 0) {
    turns_.back() = {.free = free};
  } else {
    turns_.push_back({.free = free});
  }
}

void room_estimate::note_full() noexcept {
  if (room_) room_ = std::min<std::int64_t>(*room_, 0);
}

room_estimate::turn room_estimate::take() {
  if (room_) --*room_;
  ++turns_.back().alive;
  return first_ + turns_.size() - 1;
}

void room_estimate::put_back(turn taken) noexcept {
  const bool is_of_this_turn = taken + 1 == first_ + turns_.size();
  if (room_ && is_of_this_turn) ++*room_;
  end(taken);
}

void room_estimate::end(turn taken) noexcept {
  if (sent* const of = find(taken)) --of->alive;
}

room_estimate::sent* room_estimate::find(turn taken) noexcept {
  return taken < first_ ? nullptr : &turns_[taken - first_];
}

}  // namespace pgsteer
