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
#include <memory>
#include <span>
#include <vector>

#include "pgsteer/base/bytes.hpp"
#include "pgsteer/base/permit.hpp"
#include "pgsteer/login/admission.hpp"
#include "pgsteer/login/surroundings.hpp"
#include "pgsteer/login/waiting_lines.hpp"
#include "pgsteer/metrics/server_counters.hpp"
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
  permit_pool sessions;
  permit_pool pending_logins;
  permit_pool held_logins;
  permit_pool cancels;
  // Clients over a limit that are being told so; beyond these the connection is closed without a word.
  permit_pool refusals{64};
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
  login::dial_gate dials;
  login::hold_line holds;

  void publish(published_topology next);
  [[nodiscard]] const published_topology& topology() const noexcept { return topology_; }
  // One routing decision on the present snapshot for a login of a listener with this policy.
  [[nodiscard]] routing::choice choose(const routing::route_policy& policy,
                                       std::span<const topology::backend_id> tried,
                                       std::uint64_t ticket) const;

  // What logins read into, all of them; at most pgwire::first_packet_bytes_max.
  [[nodiscard]] mutable_byte_span login_buffer(std::size_t bytes);

  // What a login of this listener reads and takes its places in. The listener and who outlive it.
  [[nodiscard]] login::surroundings around(listener_state& listener, login::waiter& who, time_point arrived);
  // A client of that route was logged in there: tells the control thread if it waits for that.
  void note_login(topology::backend_id backend, routing::target_session_attrs route);
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
  std::vector<std::uint8_t> login_buffer_;  // never changes its size
  struct session_list;
  std::unique_ptr<session_list> sessions_;
  std::atomic<std::size_t> session_count_{0};  // read by the acceptor, written here
};

}  // namespace pgsteer::session
