#include "pgsteer/base/permit_queue.hpp"

#include <utility>

namespace pgsteer {
namespace {

void call_all(const std::vector<permit_queue::wake_function>& woken) {
  for (const permit_queue::wake_function& wake : woken) wake();
}

}  // namespace

permit_queue::place permit_queue::enter(const std::shared_ptr<permit_queue>& queue, std::uint32_t limit,
                                        const wake_function& wake, time_point arrived) {
  std::vector<wake_function> woken;
  std::optional<line::iterator> entry;
  {
    const std::lock_guard lock(queue->mutex_);
    queue->limit_ = limit;
    woken = queue->grant_free();  // the limit may have grown
    if (queue->used_ < limit) {
      ++queue->used_;
    } else {
      entry = queue->waiting_.insert(place_by_arrival(queue->waiting_, arrived), {wake, arrived});
    }
  }
  call_all(woken);
  return {queue, entry};
}

permit_queue::place::place(place&& other) noexcept
    : queue_(std::move(other.queue_)), entry_(std::exchange(other.entry_, {})) {}

permit_queue::place& permit_queue::place::operator=(place&& other) noexcept {
  place taken(std::move(other));
  std::swap(queue_, taken.queue_);
  std::swap(entry_, taken.entry_);
  return *this;
}

bool permit_queue::place::is_granted() const noexcept {
  if (!queue_ || !entry_) return queue_ != nullptr;
  const std::lock_guard lock(queue_->mutex_);
  return (*entry_)->is_granted;
}

void permit_queue::place::leave() noexcept {
  if (!queue_) return;
  std::vector<wake_function> woken;
  {
    const std::lock_guard lock(queue_->mutex_);
    const bool was_granted = !entry_ || (*entry_)->is_granted;
    if (entry_) (was_granted ? queue_->granted_ : queue_->waiting_).erase(*entry_);
    if (was_granted) {
      --queue_->used_;
      woken = queue_->grant_free();
    }
  }
  queue_.reset();
  entry_.reset();
  call_all(woken);
}

permit_queue::counts permit_queue::count() const {
  const std::lock_guard lock(mutex_);
  return {used_, waiting_.size()};
}

// To those who have waited longest.
std::vector<permit_queue::wake_function> permit_queue::grant_free() {
  std::vector<wake_function> woken;
  while (used_ < limit_ && !waiting_.empty()) {
    ++used_;
    waiting_.front().is_granted = true;
    woken.push_back(std::move(waiting_.front().wake));
    granted_.splice(granted_.end(), waiting_, waiting_.begin());
  }
  return woken;
}

}  // namespace pgsteer
