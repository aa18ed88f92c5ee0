#include "pgsteer/base/permit_queue.hpp"

#include <utility>

namespace pgsteer {

permit_queue::place permit_queue::enter(const std::shared_ptr<permit_queue>& queue, std::uint32_t limit,
                                        waiter& who, time_point arrived) {
  const std::lock_guard lock(queue->mutex_);
  queue->limit_ = limit;
  queue->grant_free();  // the limit may have grown
  if (queue->used_ < limit) {
    ++queue->used_;
    return {queue, std::nullopt};
  }
  return {queue, queue->waiting_.insert(place_by_arrival(queue->waiting_, arrived), {&who, arrived})};
}

permit_queue::place::place(place&& other) noexcept
    : queue_(std::move(other.queue_)), entry_(std::exchange(other.entry_, {})) {}

permit_queue::place& permit_queue::place::operator=(place&& other) noexcept {
  if (this == &other) return *this;
  leave();
  queue_ = std::move(other.queue_);
  entry_ = std::exchange(other.entry_, {});
  return *this;
}

bool permit_queue::place::is_granted() const noexcept {
  if (!queue_ || !entry_) return queue_ != nullptr;
  const std::lock_guard lock(queue_->mutex_);
  return (*entry_)->who == nullptr;
}

void permit_queue::place::leave() noexcept {
  if (!queue_) return;
  {
    const std::lock_guard lock(queue_->mutex_);
    const bool is_waiting = entry_ && (*entry_)->who != nullptr;
    if (entry_) (is_waiting ? queue_->waiting_ : queue_->granted_).erase(*entry_);
    if (!is_waiting) {
      --queue_->used_;
      queue_->grant_free();
    }
  }
  queue_.reset();
  entry_.reset();
}

// To those who have waited longest.
void permit_queue::grant_free() noexcept {
  while (used_ < limit_ && !waiting_.empty()) {
    ++used_;
    granted_.splice(granted_.end(), waiting_, waiting_.begin());
    std::exchange(granted_.back().who, nullptr)->wake();
  }
}

}  // namespace pgsteer
