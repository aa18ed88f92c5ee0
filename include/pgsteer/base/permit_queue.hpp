#pragma once
// permit_queue: permits of a limit, and a queue for those who have to wait for one.
//
// Shared by all workers: one mutex, taken for moments; any thread.
//
// Flow: enter() -> a place that is granted at once, or whose waiter is woken once it is; given back by its
// destructor.
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>

#include "pgsteer/base/waiter.hpp"

namespace pgsteer {

class permit_queue {
  struct entry {
    waiter* who;  // null: it has been granted
    time_point arrived;
  };
  using line = std::list<entry>;

 public:
  permit_queue() = default;
  permit_queue(const permit_queue&) = delete;
  permit_queue& operator=(const permit_queue&) = delete;

  // Belongs to one thread.
  class place {
   public:
    place() = default;
    place(place&& other) noexcept;
    place& operator=(place&& other) noexcept;
    ~place() { leave(); }
    // False: waits for that, or is no place at all.
    [[nodiscard]] bool is_granted() const noexcept;
    [[nodiscard]] bool is_in(const std::shared_ptr<permit_queue>& queue) const noexcept {
      return queue_ == queue;
    }
    void leave() noexcept;

   private:
    friend permit_queue;
    place(std::shared_ptr<permit_queue> queue, std::optional<line::iterator> entry)
        : queue_(std::move(queue)), entry_(entry) {}
    std::shared_ptr<permit_queue> queue_;
    std::optional<line::iterator> entry_;  // unset: there was no need to wait
  };

  // limit: how many may be out, from now on.
  [[nodiscard]] static place enter(const std::shared_ptr<permit_queue>& queue, std::uint32_t limit,
                                   waiter& who, time_point arrived);

 private:
  void grant_free() noexcept;

  std::mutex mutex_;
  std::uint32_t limit_ = 0;
  std::uint32_t used_ = 0;
  line waiting_;  // bounded by the pending logins
  line granted_;  // those of them that have a permit now
};

}  // namespace pgsteer
