#pragma once
// dial_gate and hold_line: who waits for a dial or for a backend, and in which order they go on.
//
// Pure: no socket, no clock, no lock; a worker has one of each, on its own thread. A place in them is a value
// that gives itself back when it goes, so that nobody has to remember that there is one.
//
// Both go by when the clients came: a login whose first dial failed has waited longer than those behind it.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <list>
#include <optional>
#include <utility>

#include "pgsteer/base/clock.hpp"

namespace pgsteer::login {

// Who is told that its turn has come. Soon, not from inside the call: a line is not changed while it is gone
// through.
class waiter {
 public:
  virtual void wake() = 0;

 protected:
  ~waiter() = default;
};

// Lets at most limit dials run at once. Outlives its places.
class dial_gate {
  struct entry {
    waiter* who;
    time_point arrived;
  };
  using line = std::list<entry>;

 public:
  explicit dial_gate(std::uint32_t limit) : free_(limit) {}
  dial_gate(const dial_gate&) = delete;
  dial_gate& operator=(const dial_gate&) = delete;

  class place {
   public:
    place() = default;
    place(place&& other) noexcept
        : gate_(std::exchange(other.gate_, nullptr)), entry_(std::exchange(other.entry_, {})) {}
    place& operator=(place&& other) noexcept {
      if (this == &other) return *this;
      leave();
      gate_ = std::exchange(other.gate_, nullptr);
      entry_ = std::exchange(other.entry_, {});
      return *this;
    }
    ~place() { leave(); }
    // May dial. False: waits for that, or is no place at all.
    [[nodiscard]] bool is_granted() const noexcept;
    void leave() noexcept;

   private:
    friend dial_gate;
    place(dial_gate& gate, std::optional<line::iterator> entry) : gate_(&gate), entry_(entry) {}
    dial_gate* gate_ = nullptr;
    std::optional<line::iterator> entry_;  // unset: there was no need to wait
  };

  // Granted at once, or in the line: then who is woken once it is.
  [[nodiscard]] place enter(waiter& who, time_point arrived);

 private:
  void pass_on() noexcept;

  std::uint32_t free_;
  line waiting_;  // bounded by limits.pending_logins
  line granted_;  // those of them that may dial now
};

// Logins that wait for a backend. Outlives its places.
class hold_line {
 public:
  enum class wish {
    a_backend,  // there is none for it
    a_change,   // there is one, which has just refused it
  };

 private:
  struct entry {
    std::size_t listener;
    waiter* who;
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

  [[nodiscard]] place join(std::size_t listener, waiter& who, time_point arrived, wish wanted);
  // Those who wish for a backend and whose listener is_ready(), and, if something has changed, those who wait
  // for that.
  void wake(const std::function<bool(std::size_t listener)>& is_ready, bool is_changed);
  [[nodiscard]] bool is_empty() const noexcept { return waiting_.empty(); }

 private:
  line waiting_;  // bounded by limits.held_logins
};

}  // namespace pgsteer::login
