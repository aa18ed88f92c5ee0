#pragma once
// worker_context: all that the sessions of one worker share, and nothing that another worker may change.
//
// Not the worker's thread (server owns that). Used from that thread alone, but for the counters, permits and
// cancel registry it refers to, which say themselves that any thread may use them.
//
// Flow: publish() for every new snapshot -> sessions whose backend lost its role are closed, held logins that
// now have a backend are woken in the order they came.
#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <span>
#include <vector>

#include "pgsteer/metrics/server_counters.hpp"
#include "pgsteer/net/permit.hpp"
#include "pgsteer/net/wait_point.hpp"
#include "pgsteer/relay/engine.hpp"
#include "pgsteer/routing/choose.hpp"
#include "pgsteer/session/cancel_registry.hpp"
#include "pgsteer/session/close_reason.hpp"
#include "pgsteer/session/options.hpp"
#include "pgsteer/topology/hint.hpp"
#include "pgsteer/topology/snapshot.hpp"

namespace pgsteer::session {

class session;

// A snapshot and, in the order of its backends, their counters.
struct published_topology {
  topology::snapshot_ptr snapshot;
  std::vector<std::shared_ptr<metrics::backend_counters>> counters;
};

// One per listener, shared by all workers.
struct listener_state {
  explicit listener_state(listener_options options_in)
      : options(std::move(options_in)), counters(options.name, close_reason_count) {}
  const listener_options options;
  metrics::listener_counters counters;
  // Round-robin position: shared, so that logins split evenly over backends whichever worker takes them.
  std::atomic<std::uint64_t> ticket{0};
};

// Process-wide limits, shared by all workers.
struct session_limits {
  explicit session_limits(const session_options& options)
      : sessions(options.sessions_max),
        pending_logins(options.pending_logins_max),
        held_logins(options.held_logins_max),
        cancels(options.concurrent_cancels_max) {}
  net::permit_pool sessions;
  net::permit_pool pending_logins;
  net::permit_pool held_logins;
  net::permit_pool cancels;
  // Clients over a limit that are being told so; beyond these the connection is closed without a word.
  net::permit_pool refusals{64};
};

// Lets at most limit dials run at once; the others wait in the order their clients came.
class dial_gate {
 public:
  explicit dial_gate(std::uint32_t limit) : free_(limit) {}
  // arrived: when the client came; earlier ones go first, also those whose first dial failed. False if the
  // deadline passed, or the waiter was woken for another reason: look why.
  [[nodiscard]] boost::asio::awaitable<bool> enter(net::wait_point& waiter, time_point arrived,
                                                   time_point deadline);
  void leave();
  [[nodiscard]] bool is_free() const noexcept { return free_ > 0; }

 private:
  struct place {
    net::wait_point* waiter;
    time_point arrived;
    bool is_granted = false;
  };
  std::uint32_t free_;
  std::list<place> line_;  // bounded by limits.pending_logins
};

// Logins that wait for a backend, in the order their clients came: one that was released, and whose dial
// failed, has its old place again.
class hold_line {
 public:
  enum class wish {
    a_backend,  // there is none for it
    a_change,   // there is one, which has just refused it
  };
  struct place {
    const listener_state* listener;
    net::wait_point* waiter;
    time_point arrived;
    hold_line::wish wish = hold_line::wish::a_backend;
  };
  using position = std::list<place>::iterator;
  [[nodiscard]] position join(const place& who);
  void leave(position where) { line_.erase(where); }
  // Wakes those who wish for a backend and for whom is_ready(listener) holds, and, if something has changed,
  // those who wait for that.
  void wake(const std::function<bool(const listener_state&)>& is_ready, bool is_changed);
  [[nodiscard]] bool is_empty() const noexcept { return line_.empty(); }

 private:
  std::list<place> line_;  // bounded by limits.held_logins
};

// The control thread wants to know of the first rw login on a new primary.
struct awaited_login {
  std::atomic<std::uint32_t> backend{0};  // a backend_id; 0: nobody asks
  std::function<void()> on_login;         // any thread
};

struct worker_shared {  // what all workers refer to; outlives them
  const session_options& options;
  session_limits& limits;
  cancel_registry& cancels;
  metrics::cancel_counters& cancel_counters;
  std::function<void(topology::backend_id, topology::hint)> on_hint;  // any thread
  awaited_login& awaited;
};

class worker_context {
 public:
  worker_context(boost::asio::io_context& context_in, relay::engine& engine_in,
                 const worker_shared& shared_in);
  ~worker_context();
  worker_context(const worker_context&) = delete;
  worker_context& operator=(const worker_context&) = delete;

  boost::asio::io_context& context;
  relay::engine& engine;
  const worker_shared& shared;
  dial_gate dials;
  hold_line held;

  void publish(published_topology next);
  [[nodiscard]] const published_topology& topology() const noexcept { return topology_; }
  // One routing decision on the present snapshot for a login of this listener.
  [[nodiscard]] routing::choice choose(const listener_state& listener,
                                       std::span<const topology::backend_id> tried,
                                       std::uint64_t ticket) const;

  // Tells the control thread; of a backend that takes thousands of sessions with it a few times.
  void note_hint(topology::backend_id id, topology::hint noticed);

  void enlist(session& member);
  // Ends every session; those idle outside a transaction are told why.
  void close_all(close_reason reason);
  [[nodiscard]] std::size_t session_count() const noexcept {
    return session_count_.load(std::memory_order_relaxed);
  }

 private:
  friend class session;
  void delist(session& member);

  struct told {
    topology::backend_id id;
    time_point at;
  };

  std::array<told, topology::hint_count> told_;  // by hint
  published_topology topology_;
  struct session_list;
  std::unique_ptr<session_list> sessions_;
  std::atomic<std::size_t> session_count_{0};  // read by the acceptor, written here
};

}  // namespace pgsteer::session
