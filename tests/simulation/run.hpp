#pragma once
// run: one history: the world, a prober, pgsteer's decision core with its attention, and the oracle.
//
// A discrete-event simulation on a virtual clock. Deterministic per seed; the clock's origin must not matter
// (invariant I7). One thread.
//
// Flow: run(seed, origin) -> play(events) -> true, or report() says what broke and what came before.
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "pgsteer/probe/options.hpp"
#include "pgsteer/topology/attention.hpp"
#include "probe/probe_schedule.hpp"
#include "simulation/oracle.hpp"
#include "simulation/story.hpp"
#include "simulation/vigil.hpp"

namespace pgsteer::simulation {

// Drawn for each history.
struct settings {
  topology::topology_options topology;
  probe::probe_options probe;
  duration late_after{};
  bool has_stats = true;   // of the probe's role
  bool has_bursts = true;  // false: what topology decides must hold at the ordinary interval too
};
[[nodiscard]] settings draw_settings(dice& luck);

class run {
 public:
  run(std::uint64_t seed, time_point origin);

  [[nodiscard]] bool play(std::uint64_t events);
  [[nodiscard]] std::string report(std::size_t lines) const;
  [[nodiscard]] std::uint64_t events() const { return events_; }
  [[nodiscard]] std::uint64_t decisions_hash() const { return hash_; }
  [[nodiscard]] const coverage& covered() const { return oracle_.covered(); }

  [[nodiscard]] std::uint64_t watched() const { return vigil_.losses(); }

  // What pgsteer itself goes through, counted for the same reason as coverage.
  struct trials {
    std::uint64_t restarts_with_mark = 0;
    std::uint64_t restarts_without = 0;
    std::uint64_t pauses = 0;
    std::uint64_t deadlines = 0;
    std::uint64_t meddled = 0;
    std::uint64_t marks_replaced = 0;
    std::uint64_t hints = 0;
    std::uint64_t announcements = 0;
    std::uint64_t orders = 0;
  };
  [[nodiscard]] const trials& tried() const { return tried_; }

 private:
  enum class kind : std::uint8_t {
    arrive,  // a question reaches its place; what follows from here on happens to pgsteer
    change,  // of the world, while pgsteer stands still
    ask,
    answer,  // the question under way ends
    late,
    lose,     // an open connection ends by itself
    deliver,  // a result that came late or twice
    names,
    tick,
    resume,
  };
  struct happening {
    time_point at;
    std::uint64_t order = 0;
    kind what{};
    std::size_t index = 0;     // place, or result on the shelf
    std::uint64_t number = 0;  // question
    friend bool operator>(const happening& left, const happening& right) {
      return left.at != right.at ? left.at > right.at : left.order > right.order;
    }
  };
  // The probe of one backend.
  struct asker {
    std::optional<backend_id> id;
    std::optional<probe::probe_schedule> schedule;
    std::uint64_t number = 0;  // of the question under way or the last one
    bool is_asking = false;
    std::optional<std::uint64_t> connection;  // the incarnation that the open one leads to
    std::uint64_t reached = 0;                // the incarnation that the question reached
    probe_result result;
  };
  struct shelved {
    std::size_t place = 0;
    backend_id id;
    probe_result result;
    bool is_free = true;
  };

  // The clock and what is due.
  void step();
  void push(time_point at, kind what, std::size_t index = 0, std::uint64_t number = 0);
  void dispatch(const happening& due);
  void idle_until(time_point next);

  // The prober, in asking.cpp.
  void ask(std::size_t index);
  void arrive(std::size_t index, std::uint64_t number);
  void answer(std::size_t index, std::uint64_t number);
  void lose(std::size_t index);
  void end_connection(std::size_t index, bool was_terminated);
  void end_question_at(std::size_t index, time_point at);
  void deliver(std::size_t index, const probe_result& result);
  void shelve(std::size_t index, const probe_result& result);
  void notice_lost_connections();
  void retarget();
  [[nodiscard]] bool is_lost(bool is_cut, const way& between);
  [[nodiscard]] duration delay(const way& between);

  // Whom to probe when, in attending.cpp.
  void obey(const topology::orders& wanted);
  void obey(const topology::order& wanted);
  void prompt(std::optional<backend_id> whom, void (probe::probe_schedule::*how)(time_point));
  void hint(std::size_t index);
  void tick();
  [[nodiscard]] vigil::timetables timetables() const;

  // What happens to pgsteer besides answers, in trials.cpp.
  void act();
  void disturb_world();
  void disturb_pgsteer();
  void mend();
  void note_strangers();
  [[nodiscard]] bool may_learn_anew() const;
  void restart(bool with_mark);
  void pause();
  void forget_one();
  void replace_mark();
  void order_one();
  void tell_names();
  // A manager ends all sessions there.
  void terminate(std::size_t index);
  // A manager says that it is about to replace the primary, or takes that back.
  void announce();

  // pgsteer's control thread and workers.
  void tell(std::size_t index, backend_id id, const probe_result& result);
  void tell_late(std::size_t index, std::uint64_t number);
  void conclude(bool is_after_result = false, bool is_membership_new = false);
  void choose();
  void note_hash(const topology_snapshot& snapshot);
  void fail(const char* broken);

  dice luck_;
  time_point origin_;
  time_point now_;
  settings settings_;
  world world_;
  oracle oracle_;
  vigil vigil_;
  story story_;
  std::optional<topology::topology> core_;
  topology::attention attention_;
  std::optional<fence_mark> saved_;
  topology_snapshot published_;
  bool is_published_ = false;
  std::optional<time_point> deadline_;
  std::vector<asker> askers_;
  std::vector<shelved> shelf_;
  std::priority_queue<happening, std::vector<happening>, std::greater<>> due_;
  std::uint64_t order_ = 0;

  time_point resumes_at_;
  time_point trouble_until_;
  time_point strangers_until_;
  std::uint64_t told_names_ = 0;  // as bits
  std::uint64_t phase_left_ = 0;
  bool is_storm_ = false;
  std::uint64_t ticket_ = 0;

  std::uint64_t events_ = 0;
  std::uint64_t hash_ = 0;
  trials tried_;
  const char* broken_ = nullptr;
};

}  // namespace pgsteer::simulation
