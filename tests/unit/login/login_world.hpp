#pragma once
// login_world: what a login_machine meets outside, by a plan: a client that sends chunks, backends that
// answer each attempt as planned, a clock that jumps to the next deadline. No socket, thread or clock is
// involved.
//
// Flow: plan -> run() -> how it went, in words ("read choose dial write read relay"); or step() by step, with
// another event put in before one of them.
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pgsteer/login/login_machine.hpp"
#include "unit/pgwire/wire_bytes.hpp"
#include "unit/routing/snapshots.hpp"

namespace pgsteer::login::test {

namespace wire = pgsteer::pgwire::test;

inline const std::string authentication_ok = wire::message('R', wire::int32(0));
inline std::string error_of(std::string_view sqlstate) {
  return wire::message('E', "SFATAL" + std::string(1, '\0') + "C" + std::string(sqlstate) +
                                std::string(1, '\0') + "Mno" + std::string(2, '\0'));
}

// What a backend does when it is dialed, once.
struct attempt_plan {
  enum class dial { connects, is_refused, hangs, meets_local_trouble };
  dial how = dial::connects;
  std::vector<std::string> answers{};  // chunks; then it is silent
  bool ends = false;                   // then it ends instead
};
inline attempt_plan answering(std::vector<std::string> answers) {
  return {attempt_plan::dial::connects, std::move(answers), false};
}

struct plan {
  std::vector<std::string> client{};  // chunks: one for each read; then it is silent
  std::vector<attempt_plan> attempts{};
  routing::target_session_attrs route = routing::target_session_attrs::primary;
  std::optional<close_reason> refused{};  // by admission
  duration dials_taken_for{};             // how long others dial a, so that nobody else may
  bool is_held_at_first = false;          // there is no primary before the login waits for it
  std::optional<duration> full_for{};     // how long a says that no connection is free
};

class login_world {
 public:
  explicit login_world(plan of);
  login_world(const login_world&) = delete;
  login_world& operator=(const login_world&) = delete;

  // Until bytes are relayed, the login ends, or nothing can happen any more. How it went.
  std::string run();
  // The next event, and what the machine makes of it. False: nothing can happen any more.
  bool step();
  // Another event than what would come next.
  void inject(const event& what) { take(machine->resume(what, now)); }
  // Instead of the answer to what was asked for. False: nothing was, or it cannot fail.
  bool fail_operation(bool by_local_trouble = false);
  // Nothing happens until the deadline. False: there is none.
  bool let_time_pass();

  // a is the primary, b a standby; the machine is not told.
  void have_primary();
  void have_no_primary();

  [[nodiscard]] bool is_over() const { return last.what == action::kind::end; }
  [[nodiscard]] close_reason reason() const { return machine->end().reason; }
  // What the login has taken and not given back, in words; empty if that is nothing.
  [[nodiscard]] std::string owed();
  // Nothing is asked for that is answered at once, so that other events may come.
  [[nodiscard]] bool is_at_rest() const { return pending_ != action::kind::choose && !is_looking_; }

  // Of the process.
  runtime::options options;
  permit_pools permits;
  hold_line holds;
  metrics::listener_counters counters{"rw", close_reason_count};
  metrics::cancel_counters cancel_counters;
  std::vector<runtime::backend_use_ptr> backends;
  runtime::state_ptr state;
  time_point now = routing::testing::now;

  // Of its client.
  plan planned;
  client_presence presence = client_presence::present;
  bool has_input = false;

  std::unique_ptr<login_machine> machine;
  action last;             // the machine's
  std::string transcript;  // its actions so far, and what it told of whom: "a:login_failed"
  bool is_relaying = false;
  bool is_woken = false;
  const std::function<void()> wake = [this] { is_woken = true; };

  // A place among the dials at this backend, or in the queue for one, for somebody else.
  [[nodiscard]] permit_queue::place enter(std::size_t backend, bool needs_room = false);
  // a answers the probe so.
  void say_free(int free);
  // Publishes it; what it proves is proven for good.
  void go_by(topology::topology_snapshot snapshot);

  permit_queue::place others_dial;  // while dials_taken_for lasts

 private:
  void take(const action& next);
  [[nodiscard]] std::optional<event> answer();
  [[nodiscard]] std::optional<event> answer_dial();
  [[nodiscard]] std::optional<event> answer_read();

  action::kind pending_ = action::kind::wait;  // asked for, and not answered
  std::size_t pending_bytes_ = 0;              // to be written
  bool is_primary_due_ = false;                // planned, and not had yet
  bool is_room_due_ = false;
  bool is_silent_ = false;  // the answer does not come
  bool is_looking_ = false;
  std::string chunk_;  // that the present event views
  std::size_t client_chunks_ = 0;
  std::size_t attempts_ = 0;  // begun
  std::size_t answers_ = 0;   // of the present attempt, given
};

}  // namespace pgsteer::login::test
