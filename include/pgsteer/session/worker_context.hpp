#pragma once
// worker_context: all that the sessions of one worker share.
//
// Not the worker's thread (server owns that). Used from that thread alone, but for post(), session_count()
// and what it refers to (counters, permits, cancel registry), which says itself that any thread may use it.
//
// Flow: publish() for every new state -> sessions whose backend lost its role are closed, all of them once a
// drain is over; held logins that now have a backend are woken in the order they came. While a drain has them
// leave, sessions are called one after the other, so that their clients do not all come back elsewhere at
// once.
#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "pgsteer/base/bytes.hpp"
#include "pgsteer/login/admission.hpp"
#include "pgsteer/login/hold_line.hpp"
#include "pgsteer/login/surroundings.hpp"
#include "pgsteer/metrics/server_counters.hpp"
#include "pgsteer/net/lingering_sockets.hpp"
#include "pgsteer/relay/engine.hpp"
#include "pgsteer/routing/choose.hpp"
#include "pgsteer/runtime/state.hpp"
#include "pgsteer/session/cancel_registry.hpp"
#include "pgsteer/session/carried_session.hpp"
#include "pgsteer/session/close_reason.hpp"
#include "pgsteer/session/listed_session.hpp"
#include "pgsteer/session/session_id.hpp"
#include "pgsteer/topology/hint.hpp"

namespace pgsteer::session {

class own_cancels;
class session;
struct session_walk;

// One per listener, shared by all workers.
struct listener_state {
  listener_state(std::size_t index_in, std::string name)
      : index(index_in), counters(std::move(name), close_reason_count) {}
  static inline std::atomic<std::uint64_t> made{0};
  const std::size_t index;              // of its options; another one's once this is gone
  const std::uint64_t number = ++made;  // never another one's
  metrics::listener_counters counters;
  // Sessions that refer to this. Each lets go of it last of all, so that whoever finds none (acquire) may
  // destroy it.
  std::atomic<std::uint32_t> users{0};
  // Round-robin position: shared, so that logins split evenly over backends whichever worker takes them.
  std::atomic<std::uint64_t> ticket{0};
};

// The control thread wants to know of the first rw login on a new primary.
struct awaited_login {
  std::atomic<std::uint32_t> backend{0};  // a backend_id; 0: nobody asks
  std::function<void()> on_login;         // any thread
};

struct worker_shared {  // what all workers refer to; outlives them
  login::permit_pools& permits;
  cancel_registry& cancels;
  metrics::cancel_counters& cancel_counters;
  std::function<void(topology::backend_id, topology::hint)> on_hint;  // any thread
  awaited_login& awaited;
  session_ids& ids;
};

class worker_context {
 public:
  // wake_loop: any thread; has what was posted to the context run soon, also from another thread.
  worker_context(boost::asio::io_context& context_in, relay::engine& engine_in,
                 std::function<void()> wake_loop, const worker_shared& shared_in, runtime::state_ptr first);
  ~worker_context();
  worker_context(const worker_context&) = delete;
  worker_context& operator=(const worker_context&) = delete;

  boost::asio::io_context& context;
  relay::engine& engine;
  const worker_shared& shared;
  login::hold_line holds;

  // Any thread: has handler() called on the worker's.
  template <class Handler>
  void post(Handler handler) {
    boost::asio::post(context, std::move(handler));
    wake_loop_();
  }

  void publish(runtime::state_ptr next);
  // The same object always, which holds the present one.
  [[nodiscard]] const runtime::state_ptr& state() const noexcept { return state_; }
  [[nodiscard]] bool is_leaving() const noexcept {
    return state_->orders.drain == runtime::drain_step::leaving;
  }
  [[nodiscard]] bool is_drain_over() const noexcept {
    return state_->orders.drain == runtime::drain_step::ending;
  }
  [[nodiscard]] routing::target_session_attrs route_of(const listener_state& listener) const noexcept {
    return state_->listener(listener.index).policy.route;
  }
  // One routing decision on the present snapshot for a login of this listener.
  [[nodiscard]] routing::choice choose(std::size_t listener, std::span<const topology::backend_id> tried,
                                       std::uint64_t ticket);

  // What logins read into, all of them; at most pgwire::first_packet_bytes_max.
  [[nodiscard]] mutable_byte_span login_buffer(std::size_t bytes);

  // What a login of this listener reads and takes its places in. The listener and who outlive it.
  [[nodiscard]] login::surroundings around(listener_state& listener, const std::function<void()>& wake,
                                           time_point arrived);
  // A client of that route was logged in there: tells the control thread if it waits for that.
  void note_login(topology::backend_id backend, routing::target_session_attrs route);
  // When the next of the sessions on drained backends may leave: one after the other, as in a drain of all.
  [[nodiscard]] time_point next_turn_to_leave();
  // As the engine's, which it calls again for as long as a flow waits for a quiet moment.
  void stop_when_idle(relay::flow& target, duration quiet);
  // Of a client whose session is over, and which may not have got all yet.
  void linger(net::unique_fd client);
  [[nodiscard]] std::size_t lingering_count() const noexcept { return lingering_.size(); }
  // Tells the control thread; of a backend that takes thousands of sessions with it a few times.
  void note_hint(topology::backend_id id, topology::hint noticed);

  // Where bytes of this listener's sessions are counted here.
  [[nodiscard]] metrics::byte_tally& tally_of(listener_state& listener);

  // Takes up to n sessions out of here, as they are: each is given to whom soon, on this thread, unless it
  // ends before. Returns how many these are. A session that is asked already counts no more.
  using taker = std::function<void(carried_session)>;
  [[nodiscard]] std::size_t carry_away(std::size_t n, taker whom);

  // Looks at its sessions, oldest first, some at a time; others may come and go in between, and so may whole
  // walks. A walk that is not needed any more may be destroyed by any thread.
  [[nodiscard]] std::shared_ptr<session_walk> begin_walk();
  // Adds the next ones, n at most, but for those that are over. False: these were the last.
  [[nodiscard]] bool list_sessions(session_walk& walk, std::size_t n, std::vector<listed_session>& into);
  // If it is among the next n it ends soon; killed: what it was. False: there is nothing left to look at.
  [[nodiscard]] bool kill_session(session_walk& walk, std::size_t n, session_id which,
                                  std::optional<listed_session>& killed);
  // Ends what that backend is doing for a session that is over.
  void cancel(const pgwire::cancel_key& key, const endpoint& backend);

  void enlist(session& member);
  [[nodiscard]] std::size_t session_count() const noexcept {
    return session_count_.load(std::memory_order_relaxed);
  }

 private:
  friend class session;
  void delist(session& member);
  void give_away(carried_session carried) { taker_(std::move(carried)); }
  void call_to_leave();
  void look_for_quiet_after(duration pause);
  void look_at_lingering_after(duration pause);

  struct told {
    topology::backend_id id;
    time_point at;
  };

  std::array<told, topology::hint_count> told_;  // by hint
  struct listener_tally {
    std::uint64_t listener = 0;  // its number
    metrics::byte_tally* tally = nullptr;
  };
  std::vector<listener_tally> tallies_;  // by listener's index
  const std::function<void()> wake_loop_;
  runtime::state_ptr state_;
  std::vector<std::uint32_t> loads_;        // of choose(), whose call it lives for
  std::vector<std::uint8_t> login_buffer_;  // never changes its size
  struct session_list;
  std::unique_ptr<session_list> sessions_;
  std::atomic<std::size_t> session_count_{0};  // read by the acceptor, written here
  boost::asio::steady_timer quiet_timer_;
  std::optional<time_point> quiet_due_;  // the next look
  boost::asio::steady_timer calling_timer_;
  time_point last_turn_;  // that next_turn_to_leave() has given
  taker taker_;
  net::lingering_sockets lingering_;
  boost::asio::steady_timer linger_timer_;
  std::unique_ptr<own_cancels> cancels_;
};

}  // namespace pgsteer::session
