#pragma once
// room_estimate: how many more logins may be sent to a server, by what it says is free from time to time.
//
// What is free there, less what was sent of late and may not be counted yet: a server counts a session only
// once its login is over, which takes seconds in a storm of logins, and longer the more there are. What the
// others leave, that is free and ours, tells how many are not: as many as it is above what it was before they
// were sent. Half of the rest is given, and one at least, and not more than that within portion_time: others
// send there too, and none of them knows of the others.
//
// Not the queue for that room (permit_queue.hpp), and no limit: what need not wait for room is counted all
// the same.
//
// Pure: no clock; whoever shares one locks it.
//
// Flow: take() for each login that is sent, end() once its session is over; note_free() with every answer of
// the server.
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "pgsteer/base/clock.hpp"

namespace pgsteer {

class room_estimate {
 public:
  // A login in a storm is counted within that, mostly. While ours come, what others give up is seen so much
  // later.
  static constexpr auto uncounted_for = seconds{5};
  // For each that seems not to be counted: they take the server's cores from one another. (400 at once: 4 to
  // 9 s on two cores that others used as well.)
  static constexpr auto uncounted_longer_by = milliseconds{50};
  // PostgreSQL gives up a login then: authentication_timeout.
  static constexpr auto uncounted_at_most_for = seconds{60};

  // A session that is over is still counted for so long, mostly: its process has to end.
  static constexpr auto counted_too_long_for = seconds{1};

  // From one half to the next: what a few logins take to authenticate.
  static constexpr auto portion_time = milliseconds{250};

  // The server says that so many are free.
  void note_free(int free, time_point now);
  // It has just refused one because it is full.
  void note_full() noexcept;

  // Also while nothing is known.
  [[nodiscard]] bool has_room() const noexcept { return !room_ || *room_ > 0; }
  void take() noexcept;
  // What was taken was not sent after all.
  void put_back() noexcept;
  // It is over. Its place is not room before the server says so: whether it was a short session, or a login
  // that was refused because the server is full, is not seen where it was encrypted.
  void end() noexcept { --ours_; }
  // Taken, not put back, not over.
  [[nodiscard]] std::size_t ours() const noexcept { return static_cast<std::size_t>(ours_); }

 private:
  struct answer {
    time_point at;
    std::int64_t sent;            // by then, ever, whatever was put back
    std::int64_t left_by_others;  // free, and ours
    std::int64_t at_most;         // the most of late: what is not ours any more may still be counted
  };
  // However often it is asked, as few are looked at.
  static constexpr auto remembered_every = milliseconds{50};

  // How many of those that were sent of late are not counted in it. O(uncounted_at_most_for /
  // remembered_every).
  [[nodiscard]] std::int64_t note_answer(int free, time_point now);

  std::int64_t sent_ = 0;                      // ever, whatever was put back
  std::int64_t ours_ = 0;                      // of those, not over
  std::optional<std::int64_t> room_;           // until the next answer; below 0: so many too many
  std::int64_t portion_ = 0;                   // the present half, as it was given
  time_point portion_at_ = time_point::min();  // when that was, if some of it was taken
  std::deque<answer> answers_;                 // within uncounted_at_most_for
};

}  // namespace pgsteer
