#pragma once
// A relay engine moves bytes between two connected sockets, both ways, until one side ends or it is stopped.
//
// An engine belongs to one worker and is used from its thread alone. It never closes the sockets: it hands
// them back by calling on_end() once, in which the owner closes them, which also sends a FIN to the side that
// ended first, or goes on with the client's if the engine was asked to end the flow; or by on_detach(), if it
// was asked to, for somebody else to carry on.
//
// An engine is what its worker waits in: turn() waits for the sockets of all flows and logins, and for one
// descriptor more, extra_fd, which stands for everything else that the worker has to do (relay/loop.hpp).
//
// Flow: [wait() -> on_ready()...] -> start(...) -> turn() again and again; meanwhile on_backend_bytes() for
// as long as the owner watches -> [stop_when_idle() -> [stay()]] -> [stop() or detach()] -> on_end() or
// on_detach(), exactly once. Owners are only called from inside turn().
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "pgsteer/base/assert.hpp"
#include "pgsteer/base/bytes.hpp"
#include "pgsteer/base/clock.hpp"
#include "pgsteer/base/result.hpp"
#include "pgsteer/metrics/counters.hpp"
#include "pgsteer/relay/carried_flow.hpp"
#include "pgsteer/relay/options.hpp"
#include "pgsteer/relay/socket_wait.hpp"

namespace pgsteer::relay {

enum class flow_end : std::uint8_t {
  client_closed,         // the client ended first and orderly: by a goodbye, even a hidden one, or its FIN
  backend_closed,        // the backend ended first, by its FIN
  client_failed,         // reset or time-out on the client's socket, before any orderly end
  backend_failed,        // likewise on the backend's
  stopped,               // stop() or stop_when_idle() was called
  refused,               // the watcher said refuse
  half_closed_too_long,  // one side ended and the other stayed open longer than half_close_timeout
  defect,                // ours, and nobody else's fault: it got nowhere, or misused a descriptor
};

struct flow_summary {
  flow_end end = flow_end::stopped;
  error_code error;  // set for *_failed and defect; for *_closed what a side failed with afterwards
  std::array<std::uint64_t, 2> bytes{};  // delivered, to the backend and to the client
  // The last message to the client was ReadyForQuery 'I', whole, and the client has sent nothing since: the
  // client reads a FATAL now as an answer to nothing, the moment for 57P01. False for encrypted sessions.
  bool is_idle_outside_transaction = false;
  // The client can be told nothing more, by nobody: its session is encrypted, or stop_when_idle() has ended
  // it and the backend had a last word of its own. What its kernel has been given is all that it will get.
  bool is_all_said = false;
};

// What the bytes that a flow has passed on tell of the moment.
enum class flow_moment : std::uint8_t {
  busy,            // the client has not got the end of an answer since it sent something last
  idle,            // outside a transaction
  in_transaction,  // idle amid one, which may have failed
  unreadable,      // they are encrypted
};

struct flow_view {
  std::array<std::uint64_t, 2> bytes{};  // as in flow_summary
  flow_moment moment = flow_moment::busy;
  bool is_half_closed = false;  // one side has ended
};

// What the watcher of the first bytes from the backend says.
enum class watch_verdict {
  watching,  // pass these bytes on and show me the next
  done,      // pass these bytes on and do not ask again
  refuse,    // do not pass them on; end the flow
};

// The owner of a flow. Lives at least until on_end() returns; on_end() may destroy it.
class flow_owner {
 public:
  // Bytes from the backend, before they go to the client; only while watching. The view ends with the call.
  virtual watch_verdict on_backend_bytes(byte_span bytes) = 0;
  // Closes both sockets before it returns: until then the engine may still watch them. Only the client's may
  // stay open if the flow was stopped or refused.
  virtual void on_end(const flow_summary& summary) = 0;
  // After detach(), instead of on_end(): both sockets are open, and this engine neither reads nor watches
  // them any more. Whoever calls detach() overrides it; it may destroy the owner.
  virtual void on_detach(carried_flow&& flow) {
    (void)flow;
    PGSTEER_ASSERT(!"an owner that calls detach() overrides on_detach()");
  }

 protected:
  ~flow_owner() = default;
};

struct flow_start {
  int client_fd = -1;  // both connected and non-blocking
  int backend_fd = -1;
  flow_owner* owner = nullptr;
  // Call on_backend_bytes(). Then the bytes are PostgreSQL's messages in the clear, and
  // is_idle_outside_transaction may be told from them.
  bool is_watched = false;
  // Already read from one side before the relay began, still to be sent (and, from the backend, watched).
  byte_span to_backend;
  byte_span to_client;
  // Of a flow that detach() has given back: it is carried on, and to_backend and to_client are what was
  // stuck. It is not watched, and what was asked of it is forgotten. Copied.
  const flow_past* past = nullptr;
  // Where delivered bytes are counted too, if anywhere; this thread's alone. Outlives the flow.
  metrics::byte_tally* tally = nullptr;
  // Who has waited for them before in this engine, if anybody has.
  socket_wait* client_wait = nullptr;
  socket_wait* backend_wait = nullptr;
};

class flow;  // an engine's handle of one pair of sockets

struct turn_report {
  bool is_idle = true;             // there was nothing to do, and nothing is left over
  bool is_extra_fd_ready = false;  // extra_fd is readable
  bool has_told_owner = false;     // an owner or a socket_wait was called, and may have left something to do
};

// Destroy it outside its callbacks; flows that still live end without on_end().
class engine {
 public:
  virtual ~engine() = default;
  // Copies what start.to_* holds. The handle is valid until on_end().
  [[nodiscard]] virtual flow* start(const flow_start& start) = 0;
  // Moves what can be moved now, within each flow's budget; waits for something to do before, if it may.
  virtual turn_report turn(bool may_wait) = 0;
  // Moves no byte any more and ends the flow soon, with flow_end::stopped unless it has ended otherwise
  // before. Idempotent.
  virtual void stop(flow& target) = 0;
  // Goes on as before until it is idle outside a transaction, which may be now. From then on nothing more of
  // the client's is passed on and the backend gets a FIN, so that it answers what it was sent before, queries
  // sent ahead too, and ends; with that the flow ends, with flow_end::stopped, and the summary says whether
  // it still was idle. Idempotent; stop() may follow. While an answer's end is not the last that the client
  // was sent, it just goes on. Where the bytes cannot be read, it leaves so once the backend has spoken last
  // and nothing has passed for as long as quiet, seen by leave_quiet(); asked again, the shorter time counts.
  virtual void stop_when_idle(flow& target, duration quiet) = 0;
  // Takes stop_when_idle() back. False: it is leaving already, or has ended.
  [[nodiscard]] virtual bool stay(flow& target) = 0;
  // What stop_when_idle() waits for where the bytes cannot be read (relay/quiet_flows.hpp). Returns after
  // what time it is to be called again; nothing: nobody waits for that.
  [[nodiscard]] virtual std::optional<duration> leave_quiet(time_point now) = 0;
  // Gives the flow back to its owner as it is, soon: on_detach(), or on_end() if it ends before. False: it
  // is watched or has ended already, and nothing is changed. Idempotent.
  [[nodiscard]] virtual bool detach(flow& target) = 0;
  // For people; changes nothing and asks no socket. Of a flow that has not told its owner of its end.
  [[nodiscard]] virtual flow_view look(const flow& target) const noexcept = 0;
  // Calls who.on_ready() once. Preconditions: !who.is_waiting(); the socket is no flow's. Errors: of
  // epoll_ctl(2).
  [[nodiscard]] virtual result<void> wait(socket_wait& who, int fd, readiness what) = 0;
  // No on_ready() follows. Before the socket is closed or goes to a flow. Outside turn(); idempotent.
  virtual void forget(socket_wait& who) = 0;
  // Housekeeping, called by the worker about once a second: ends flows half-closed too long, and takes
  // TCP_USER_TIMEOUT off sockets whose peer merely does not read (see relay/stall_guard.hpp).
  virtual void tick(time_point now) = 0;
  // All but options.engine, for live flows too. Outside turn().
  virtual void retune(const relay_options& options) = 0;
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;  // "epoll"
};

// Picks by options.engine. extra_fd: level-triggered, outlives the engine. Errors: of epoll_create1, and of
// watching extra_fd.
[[nodiscard]] result<std::unique_ptr<engine>> make_engine(int extra_fd, const relay_options& options,
                                                          metrics::relay_counters& counters);

}  // namespace pgsteer::relay
