#pragma once
// room_estimate: how many more logins may be sent to a server, by what it says is free from time to time.
//
// Half of that, and one at least, and not more than that within portion_time: others send there too, none of
// them knows of the others, and what they sent is counted no sooner than what we did. What was sent
// lately may not have been counted yet as used: as much of it as what is free has not fallen by meanwhile is
// subtracted for a while. Not the queue for that room (permit_queue.hpp), and no limit: what need not wait
// for room is counted all the same.
//
// Pure: no clock; whoever shares one locks it.
//
// Flow: take() for each login that is sent, end() once it is over; note_free() with every answer of the
// server, which begins another turn.
#include <cstdint>
#include <deque>
#include <optional>

#include "pgsteer/base/clock.hpp"

namespace pgsteer {

class room_estimate {
 public:
  // A server counts a session once its login is over: a fork, some round trips of the client's and its
  // authentication. That takes milliseconds; a server in a storm of logins needs more.
  static constexpr auto unseen_for = seconds{1};

  // From one half to the next: what a storm of logins takes to authenticate, mostly.
  static constexpr auto portion_time = milliseconds{250};

  // The time from one answer to the next.
  using turn = std::uint64_t;

  // The server says, asked then, that so many are free.
  void note_free(int free, time_point asked_at, time_point now);
  // It has just refused one because it is full.
  void note_full() noexcept;

  // Also while nothing is known.
  [[nodiscard]] bool has_room() const noexcept { return !room_ || *room_ > 0; }
  [[nodiscard]] turn take();
  // What was taken then was not sent after all.
  void put_back(turn taken) noexcept;
  // It is over. Its place is not room before the server says so: whether it was a short session, or a login
  // that was refused because the server is full, is not seen where it was encrypted.
  void end(turn taken) noexcept;

 private:
  struct sent {
    std::optional<int> free = {};          // when the turn began
    time_point until = time_point::max();  // when it ended
    std::uint32_t alive = 0;               // not over yet
  };
  [[nodiscard]] sent* find(turn taken) noexcept;

  time_point portion_at_ = time_point::min();  // when the present half was given, if some of it was taken
  std::int64_t portion_ = 0;
  std::optional<std::int64_t> room_;  // until the next answer; below 0: so many too many
  // The latest turns, without a gap; bounded by the answers that come within unseen_for.
  std::deque<sent> turns_{{}};
  turn first_ = 0;  // of turns_
};

}  // namespace pgsteer
