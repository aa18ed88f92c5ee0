#pragma once
// flow: what each engine keeps for one pair of sockets, and the rules that hold however bytes move: who ended
// it, what a failure means, when it is idle, what its owner is told.
//
// Moves no byte and asks the kernel for no event: epoll_flow and uring_flow do. Nothing here is virtual but
// the destructor: an engine knows which kind its flows are. Owned by flow_engine; worker's thread.
//
// Flow: accept() for every chunk before it is sent, count() after it -> note_end(), close_direction() or
// fail_destination() as the sides end, settle() at the end of each pump -> has_ended() -> tell_owner().
#include <array>
#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/net/socket.hpp"
#include "pgsteer/relay/engine.hpp"
#include "relay/flow_ending.hpp"
#include "relay/progress_guard.hpp"
#include "relay/side.hpp"
#include "relay/splice_pipe.hpp"
#include "relay/stall_guard.hpp"
#include "relay/stuck_bytes.hpp"

namespace pgsteer::relay {

// What an engine lends to each flow for a turn, and counts in it.
struct flow_turn {
  pipe_pool& pipes;
  std::array<std::uint64_t, 2> bytes{};  // counted here, added to the atomic counters once a turn
  std::uint64_t stalls = 0;
  std::uint64_t spliced_bytes = 0;
  turn_report report = {};
};

// A time in which no byte moves.
struct quiet_spell {
  time_point since{};
  std::uint64_t bytes = 0;  // flow::bytes_moved() then
};

// Of a flow that is to leave at a quiet moment (relay/quiet_flows.hpp).
struct quiet_wait {
  duration first = duration::max();  // how long that is to be, at first
  time_point asked_at{};
  quiet_spell spell{};
};

struct flow_socket {
  int fd = -1;
  int error = 0;            // what a system call on it returned
  bool is_hung_up = false;  // an end or an error is behind the bytes: read on until it shows
  bool has_failed = false;  // ends the flow; error may still be unknown
  bool is_at_end = false;   // a read returned 0
  stall_guard guard;
};

// One direction.
struct half_relay {
  stuck_bytes stuck;
  std::unique_ptr<splice_pipe> pipe;  // while it moves bulk
  std::uint64_t bytes = 0;            // delivered
  bool is_unseen = false;             // accept() has not been shown what is stuck
  bool is_done = false;               // nothing will be sent this way any more

  [[nodiscard]] bool holds_bytes() const noexcept {
    return !stuck.empty() || (pipe != nullptr && !pipe->empty());
  }
};

class flow {
 public:
  using hook = boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

  virtual ~flow() = default;
  flow(const flow&) = delete;
  flow& operator=(const flow&) = delete;

  // The first call decides; later ones change nothing. A defect is logged.
  void finish(flow_end end, int error = 0) noexcept;
  // From now on each pump looks whether it is idle, and ends it then.
  void ask_to_stop_when_idle() noexcept { is_to_stop_when_idle_ = true; }
  // Takes that back. False: it is leaving, or has ended.
  [[nodiscard]] bool ask_to_stay() noexcept;
  // It was asked to, and only time can tell when.
  [[nodiscard]] bool awaits_quiet() const noexcept {
    return !ending_.is_readable() && may_leave() && !has_ended();
  }
  [[nodiscard]] bool has_backend_spoken_last() const noexcept { return ending_.has_backend_spoken_last(); }
  // Bytes wait for it to read, here or in the kernel. What was sent does not: its kernel may acknowledge that
  // with its next query only (delayed acknowledgements, RFC 9293, 3.8.6.3). Looks at its socket.
  [[nodiscard]] bool is_client_behind() const noexcept {
    return holds_bytes() || net::unsent(fd(side::client)) != 0;
  }
  // It has been quiet for long enough: the next pump ends it, unless something has arrived.
  void note_quiet() noexcept { is_quiet_ = true; }
  // The side's socket cannot be used.
  void fail(side which, int error) noexcept;
  // Or was taken out by detach(): it moves no byte any more.
  [[nodiscard]] bool has_ended() const noexcept { return end_.has_value() || carried_ != nullptr; }
  // Not by one of the sides.
  [[nodiscard]] bool is_ended_here() const noexcept {
    return end_ == flow_end::stopped || end_ == flow_end::refused;
  }
  // False: its owner still watches what the backend says, or it has ended.
  [[nodiscard]] bool ask_to_detach() noexcept;
  [[nodiscard]] bool is_to_detach() const noexcept { return is_to_detach_ && !has_ended(); }
  // Calls on_end() or on_detach(). Precondition: has_ended(), and no operation of it is pending. Looks at
  // the sockets.
  void tell_owner();

  // Gives back what it held. Precondition: has_ended().
  void release(pipe_pool& pipes) noexcept;
  // Both sockets' stall guards look.
  void guard_stalls() noexcept;
  // One side has ended, even if the other has not taken all that came before it.
  [[nodiscard]] bool is_half_closed() const noexcept { return ending_.has_begun(); }
  [[nodiscard]] std::uint64_t bytes_moved() const noexcept { return halves_[0].bytes + halves_[1].bytes; }
  [[nodiscard]] std::size_t stuck_capacity() const noexcept {
    return halves_[0].stuck.capacity() + halves_[1].stuck.capacity();
  }
  [[nodiscard]] flow_view view() const noexcept;
  // A destination does not take what is there for it.
  [[nodiscard]] bool holds_bytes() const noexcept {
    return halves_[0].holds_bytes() || halves_[1].holds_bytes();
  }

  hook in_all;
  hook in_queue;  // whichever queue of its engine it waits in, or those that ended
  hook in_half_closed;
  quiet_spell half_closed_spell;
  hook in_awaiting_quiet;
  quiet_wait awaited_quiet;

 protected:
  explicit flow(const flow_start& start);

  [[nodiscard]] flow_socket& socket(side which) noexcept { return sockets_[index(which)]; }
  [[nodiscard]] const flow_socket& socket(side which) const noexcept { return sockets_[index(which)]; }
  [[nodiscard]] half_relay& half(side source) noexcept { return halves_[index(source)]; }
  [[nodiscard]] const half_relay& half(side source) const noexcept { return halves_[index(source)]; }
  [[nodiscard]] int fd(side which) const noexcept { return sockets_[index(which)].fd; }

  // Each byte once, before it is sent. False: it must not be.
  [[nodiscard]] bool accept(side source, byte_span bytes, flow_turn& turn);
  // Likewise what is stuck, if it has not been accepted before.
  [[nodiscard]] bool accept_stuck(side source, flow_turn& turn) {
    return !std::exchange(half(source).is_unseen, false) || accept(source, half(source).stuck.view(), turn);
  }
  // Takes what there is to carry on with; an end that was read and not passed on yet is read again.
  // Preconditions: is_to_detach(); the engine has no hand on the sockets any more, and all that was read is
  // in the halves.
  void detach(flow_turn& turn);
  // The destination has taken n bytes.
  void count(side source, std::size_t n, flow_turn& turn) noexcept {
    halves_[index(source)].bytes += n;
    turn.bytes[index(source)] += n;
    if (tally_ != nullptr) tally_->bytes[index(source)].add_alone(n);
    has_progressed_ = has_progressed_ || n != 0;
  }
  // How many of the bytes that wait in the source are to go through a pipe now: 0 if they are too few, or the
  // watcher wants to see them.
  [[nodiscard]] std::size_t worth_a_pipe(side source, std::size_t buffer_bytes,
                                         std::size_t bytes_max) const noexcept;
  // As many into the direction's pipe. False: there is none, copy.
  [[nodiscard]] bool fill_pipe(side source, std::size_t bytes, flow_turn& turn);

  // The side has ended or, if has_failed, failed; the first call for either side decides who was first.
  void note_end(side which, bool has_failed) noexcept;
  // All that the source sent before its end is delivered.
  void close_direction(side source) noexcept;
  // The destination takes nothing any more: what was on its way is dropped.
  void fail_destination(side source, int error, pipe_pool& pipes) noexcept;
  [[nodiscard]] bool has_failure() const noexcept { return sockets_[0].has_failed || sockets_[1].has_failed; }
  // After each pump. A side that has failed ends the flow, unless bytes that it sent before are still moving
  // (is_moving). One that was asked to stop and is idle, unless a side has ended, passes on no more of the
  // client's: the backend is told of an end, and ends once it has answered all that it was sent before.
  void settle(std::array<bool, 2> is_moving, bool holds_bytes) noexcept {
    if (has_failure()) settle_failures(is_moving);
    const bool was_quiet = std::exchange(is_quiet_, false);
    if (!may_leave() || has_ended() || holds_bytes) return;
    if (is_idle() || (was_quiet && is_answered())) leave();
  }
  // After each pump: ends a flow that asks for turn after turn and gets nowhere.
  void guard_progress(bool wants_another_turn) noexcept;

  bool is_watched_;
  bool has_progressed_ = false;  // since the last guard_progress()
  bool has_bytes_left_ = false;  // received and never delivered
  bool is_to_stop_when_idle_ = false;
  bool is_quiet_ = false;    // if its bytes cannot be read
  bool is_leaving_ = false;  // it was idle then
  bool is_to_detach_ = false;
  flow_ending ending_;

 private:
  void carry_on(const flow_past& past) noexcept;
  [[nodiscard]] flow_past past() const noexcept;
  [[nodiscard]] flow_summary summary() const;
  // As flow_summary::is_idle_outside_transaction has it, if nothing is held here. Looks at the sockets.
  [[nodiscard]] bool is_idle() const noexcept;
  // Nor is an answer owed. Looks at the sockets.
  [[nodiscard]] bool is_answered() const noexcept;
  [[nodiscard]] bool is_nothing_unread() const noexcept;
  [[nodiscard]] bool may_leave() const noexcept {
    return is_to_stop_when_idle_ && !is_leaving_ && !is_half_closed();
  }
  void leave() noexcept;
  void settle_failures(std::array<bool, 2> is_moving) noexcept;
  // Both directions are done.
  void finish_closed() noexcept;

  progress_guard progress_;
  std::optional<flow_end> end_;
  std::unique_ptr<carried_flow> carried_;
  bool was_idle_ = false;  // when it was finished; what has arrived since comes too late
  bool has_left_ = false;
  int error_ = 0;
  flow_owner* owner_;
  metrics::byte_tally* tally_;
  std::array<flow_socket, 2> sockets_;
  std::array<half_relay, 2> halves_;
};

template <flow::hook flow::*Hook>
using flow_list = boost::intrusive::list<flow, boost::intrusive::member_hook<flow, flow::hook, Hook>,
                                         boost::intrusive::constant_time_size<false>>;

}  // namespace pgsteer::relay
