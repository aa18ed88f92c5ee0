#pragma once
// hold_line: logins that wait for a backend, and in which order they go on.
//
// Pure: no socket, no clock, no lock; a worker has one, on its own thread. A place in it is a value whose
// destructor leaves the line.
#include <cstddef>
#include <functional>
#include <list>
#include <utility>

#include "pgsteer/base/arrival.hpp"

namespace pgsteer::login {

// Outlives its places.
class hold_line {
 public:
  enum class wish {
    a_backend,  // there is none for it
    a_change,   // there is one, which has just refused it
  };

 private:
  struct entry {
    std::size_t listener;
    const std::function<void()>* wake;
    time_point arrived;
    hold_line::wish wish;
  };
  using line = std::list<entry>;

 public:
  hold_line() = default;
  hold_line(const hold_line&) = delete;
  hold_line& operator=(const hold_line&) = delete;

  class place {
   public:
    place() = default;
    place(place&& other) noexcept : line_(std::exchange(other.line_, nullptr)), entry_(other.entry_) {}
    place& operator=(place&& other) noexcept {
      if (this == &other) return *this;
      leave();
      line_ = std::exchange(other.line_, nullptr);
      entry_ = other.entry_;
      return *this;
    }
    ~place() { leave(); }
    void leave() noexcept;

   private:
    friend hold_line;
    place(line& of, line::iterator entry) : line_(&of), entry_(entry) {}
    line* line_ = nullptr;
    line::iterator entry_;
  };

  [[nodiscard]] place join(std::size_t listener, const std::function<void()>& wake, time_point arrived,
                           wish wanted);
  // Those who wish for a backend and whose listener is_ready(), which is asked once for each listener; and,
  // if is_changed, those who wish for a change. Nobody joins or leaves meanwhile: who is woken goes on later.
  void wake(const std::function<bool(std::size_t listener)>& is_ready, bool is_changed);
  [[nodiscard]] bool is_empty() const noexcept { return waiting_.empty(); }

 private:
  line waiting_;  // bounded by limits.held_logins
};

}  // namespace pgsteer::login
