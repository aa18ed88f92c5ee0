#pragma once
// permit_queue: permits of a limit, and a queue for those who have to wait for one, in the order in which
// they came to the proxy.
//
// Shared by all workers: one mutex, held for a few moves of a list and, for one that has to wait, O(those who
// came later); any thread.
//
// Flow: enter() -> a place that is granted at once, or whose wake is called once it is; given back by its
// destructor.
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "pgsteer/base/arrival.hpp"

namespace pgsteer {

class permit_queue {
 public:
  // Called once, on whatever thread gives a permit back or enters with a higher limit, perhaps after its
  // place is gone: what there is to do about it is done later, on the own thread.
  using wake_function = std::function<void()>;

 private:
  struct entry {
    wake_function wake;
    time_point arrived;
    bool is_granted = false;
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

  // limit: how many may be out, from now on. wake: copied if there is a need to wait.
  [[nodiscard]] static place enter(const std::shared_ptr<permit_queue>& queue, std::uint32_t limit,
                                   const wake_function& wake, time_point arrived);

  struct counts {
    std::uint32_t granted = 0;
    std::size_t waiting = 0;
  };
  [[nodiscard]] counts count() const;

 private:
  // Who is to be woken once the mutex is free.
  [[nodiscard]] std::vector<wake_function> grant_free();

  mutable std::mutex mutex_;
  std::uint32_t limit_ = 0;
  std::uint32_t used_ = 0;
  line waiting_;  // bounded by the pending logins
  line granted_;  // those of them that have a permit now
};

}  // namespace pgsteer
