#include "pgsteer/base/permit_queue.hpp"

#include "pgsteer/base/assert.hpp"

namespace pgsteer {
namespace {

void call_all(const std::vector<permit_queue::wake_function>& woken) {
  for (const permit_queue::wake_function& wake : woken) wake();
}

}  // namespace

permit_queue::place permit_queue::enter(const std::shared_ptr<permit_queue>& queue, std::uint32_t limit,
                                        const entrant& who) {
  std::vector<wake_function> woken;
  line::iterator entry;
  {
    const std::lock_guard lock(queue->mutex_);
    queue->limit_ = limit;
    woken = queue->grant_free();  // the limit may have grown
    entry = queue->waiting_.insert(place_by_arrival(queue->waiting_, who.arrived),
                                   {.wake = {}, .arrived = who.arrived, .needs_room = who.needs_room});
    const bool is_next = entry == queue->waiting_.begin();
    if (is_next && queue->may_go(*entry)) {
      queue->grant(entry);
    } else {
      entry->wake = who.wake;
    }
  }
  call_all(woken);
  return {queue, entry};
}

void permit_queue::note_free(int free, time_point now) {
  std::vector<wake_function> woken;
  {
    const std::lock_guard lock(mutex_);
    room_.note_free(free, now);
    woken = grant_free();
  }
  call_all(woken);
}

void permit_queue::note_full() noexcept {
  const std::lock_guard lock(mutex_);
  room_.note_full();
}

permit_queue::place& permit_queue::place::operator=(place&& other) noexcept {
  place taken(std::move(other));
  std::swap(queue_, taken.queue_);
  std::swap(entry_, taken.entry_);
  return *this;
}

bool permit_queue::place::is_granted() const noexcept {
  if (!queue_) return false;
  const std::lock_guard lock(queue_->mutex_);
  return entry_->is_granted;
}

bool permit_queue::place::insist() {
  std::vector<wake_function> woken;
  bool is_granted = false;
  {
    const std::lock_guard lock(queue_->mutex_);
    entry_->needs_room = false;
    if (!entry_->is_granted && queue_->granted_.size() < queue_->limit_) queue_->grant(entry_);
    is_granted = entry_->is_granted;
    woken = queue_->grant_free();  // it may have stood in the way of others
  }
  call_all(woken);
  return is_granted;
}

permit_queue::seat permit_queue::place::take_seat() noexcept {
  const std::lock_guard lock(queue_->mutex_);
  PGSTEER_ASSERT(entry_->has_seat);
  entry_->has_seat = false;
  return seat(queue_);
}

void permit_queue::place::leave() noexcept {
  if (!queue_) return;
  std::vector<wake_function> woken;
  {
    const std::lock_guard lock(queue_->mutex_);
    if (entry_->has_seat) queue_->room_.put_back();
    (entry_->is_granted ? queue_->granted_ : queue_->waiting_).erase(entry_);
    woken = queue_->grant_free();  // also if it only stood in the way of others
  }
  queue_.reset();
  call_all(woken);
}

permit_queue::seat& permit_queue::seat::operator=(seat&& other) noexcept {
  seat taken(std::move(other));
  std::swap(queue_, taken.queue_);
  return *this;
}

void permit_queue::seat::leave() noexcept {
  if (!queue_) return;
  {
    const std::lock_guard lock(queue_->mutex_);
    queue_->room_.end();
  }
  queue_.reset();
}

permit_queue::counts permit_queue::count() const {
  const std::lock_guard lock(mutex_);
  const bool is_out_of_room = !waiting_.empty() && granted_.size() < limit_ && !may_go(waiting_.front());
  return {granted_.size(), waiting_.size(), is_out_of_room, room_.ours()};
}

bool permit_queue::may_go(const entry& who) const noexcept {
  return granted_.size() < limit_ && (!who.needs_room || room_.has_room());
}

void permit_queue::grant(line::iterator who) {
  who->is_granted = who->has_seat = true;
  room_.take();
  granted_.splice(granted_.end(), waiting_, who);
}

// To those who have waited longest.
std::vector<permit_queue::wake_function> permit_queue::grant_free() {
  std::vector<wake_function> woken;
  while (!waiting_.empty() && may_go(waiting_.front())) {
    const line::iterator next = waiting_.begin();
    woken.push_back(std::move(next->wake));
    grant(next);
  }
  return woken;
}

}  // namespace pgsteer
