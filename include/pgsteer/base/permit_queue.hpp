#pragma once
// permit_queue: permits of a limit, and a queue for those who have to wait for one, or for room at the
// server, in the order in which they came to the proxy.
//
// Shared by all workers: one mutex, held for a few moves of a list and, for one that has to wait, O(those who
// came later); any thread.
//
// Flow: enter() -> a place that is granted at once, or whose wake is called once it is; given back by its
// destructor. take_seat() from it when something is sent to the server, kept for as long as that takes a
// connection there. note_free() with what the server says.
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "pgsteer/base/arrival.hpp"
#include "pgsteer/base/room_estimate.hpp"

namespace pgsteer {

class permit_queue {
 public:
  // Called once, on whatever thread gives a permit back, enters with a higher limit or has news of room,
  // perhaps after its place is gone: what there is to do about it is done later, on the own thread.
  using wake_function = std::function<void()>;

  struct entrant {
    const wake_function& wake;  // copied if there is a need to wait
    time_point arrived;
    bool needs_room = false;  // else it waits for that only behind those who do
  };

 private:
  struct entry {
    wake_function wake;
    time_point arrived;
    bool needs_room = false;
    bool is_granted = false;
    bool has_seat = false;  // nobody has taken it
  };
  using line = std::list<entry>;

 public:
  permit_queue() = default;
  permit_queue(const permit_queue&) = delete;
  permit_queue& operator=(const permit_queue&) = delete;

  // What was sent to the server, for as long as it may take a connection there.
  class seat {
   public:
    seat() = default;
    seat(seat&& other) noexcept = default;
    seat& operator=(seat&& other) noexcept;
    ~seat() { leave(); }
    void leave() noexcept;

   private:
    friend permit_queue;
    explicit seat(std::shared_ptr<permit_queue> queue) noexcept : queue_(std::move(queue)) {}
    std::shared_ptr<permit_queue> queue_;
  };

  // Belongs to one thread.
  class place {
   public:
    place() = default;
    place(place&& other) noexcept : queue_(std::move(other.queue_)), entry_(other.entry_) {}
    place& operator=(place&& other) noexcept;
    ~place() { leave(); }
    // False: waits for that, or is no place at all.
    [[nodiscard]] bool is_granted() const noexcept;
    [[nodiscard]] bool is_in(const std::shared_ptr<permit_queue>& queue) const noexcept {
      return queue_ == queue;
    }
    // It can wait for room no longer: it is granted if a permit is free. False: none is; it waits for that.
    [[nodiscard]] bool insist();
    // Precondition: is_granted(), and not called before.
    [[nodiscard]] seat take_seat() noexcept;
    void leave() noexcept;

   private:
    friend permit_queue;
    place(std::shared_ptr<permit_queue> queue, line::iterator entry)
        : queue_(std::move(queue)), entry_(entry) {}
    std::shared_ptr<permit_queue> queue_;
    line::iterator entry_{};
  };

  // limit: how many may be out, from now on.
  [[nodiscard]] static place enter(const std::shared_ptr<permit_queue>& queue, std::uint32_t limit,
                                   const entrant& who);

  // Of the server, see room_estimate. Until the first time there is room for everybody.
  void note_free(int free, time_point now);
  void note_full() noexcept;

  struct counts {
    std::size_t granted = 0;
    std::size_t waiting = 0;
    bool is_out_of_room = false;  // somebody waits for no other reason
    std::size_t seats = 0;        // all that may take a connection at the server, of those granted too
  };
  [[nodiscard]] counts count() const;

 private:
  [[nodiscard]] bool may_go(const entry& who) const noexcept;
  void grant(line::iterator who);
  // Who is to be woken once the mutex is free.
  [[nodiscard]] std::vector<wake_function> grant_free();

  mutable std::mutex mutex_;
  std::uint32_t limit_ = 0;
  room_estimate room_;
  line waiting_;  // bounded by the pending logins
  line granted_;  // have a permit: what is out
};

}  // namespace pgsteer
