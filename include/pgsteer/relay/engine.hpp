#pragma once
// A relay engine moves bytes between two connected sockets, both ways, until one side ends or it is stopped.
//
// One interface, one file per engine. An engine belongs to one worker and is used from its thread alone.
// It never closes the sockets: it hands them back by calling on_end() once, and the owner closes them. Hand
// over bare descriptors: a socket that Asio still watches would wake the worker twice for every message.
//
// Flow: start(...) -> on_backend_bytes() for as long as the owner watches -> [stop()] -> on_end() exactly
// once. on_end() is never called from inside start() or stop(), but from the worker's io_context.
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

#include "pgsteer/base/bytes.hpp"
#include "pgsteer/base/clock.hpp"
#include "pgsteer/base/result.hpp"
#include "pgsteer/metrics/counters.hpp"
#include "pgsteer/relay/options.hpp"

namespace pgsteer::relay {

enum class direction { client_to_backend, backend_to_client };

enum class flow_end {
  client_closed,         // the client ended first and orderly: by a goodbye, even a hidden one, or its FIN
  backend_closed,        // the backend ended first, by its FIN
  client_failed,         // reset or time-out on the client's socket, before any orderly end
  backend_failed,        // likewise on the backend's
  stopped,               // stop() was called
  refused,               // the watcher said refuse
  half_closed_too_long,  // one side ended and the other stayed open longer than half_close_timeout
};

struct flow_summary {
  flow_end end = flow_end::stopped;
  error_code error;                      // set for *_failed; for *_closed what a side failed with afterwards
  std::array<std::uint64_t, 2> bytes{};  // delivered, by direction
  // The last message to the client was ReadyForQuery 'I', whole, and the client has sent nothing since: the
  // client reads a FATAL now as an answer to nothing, the moment for 57P01. False for encrypted sessions.
  bool is_idle_outside_transaction = false;
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
  virtual void on_end(const flow_summary& summary) = 0;

 protected:
  ~flow_owner() = default;
};

struct flow_start {
  int client_fd = -1;  // both connected and non-blocking
  int backend_fd = -1;
  flow_owner* owner = nullptr;
  bool is_watched = false;  // call on_backend_bytes()
  // The bytes are PostgreSQL's messages in the clear, so is_idle_outside_transaction may be told from them.
  // A watched flow is readable anyway; set it for one whose login was watched before the relay began.
  bool is_readable_protocol = false;
  // Already read from one side before the relay began, still to be sent (and, from the backend, watched).
  byte_span to_backend;
  byte_span to_client;
};

class flow;  // an engine's handle of one pair of sockets

// Destroy it outside its callbacks and before its io_context; flows that still live end without on_end().
class engine {
 public:
  virtual ~engine() = default;
  // Copies what start.to_* holds. The handle is valid until on_end().
  [[nodiscard]] virtual flow* start(const flow_start& start) = 0;
  // Moves no byte any more and ends the flow soon, with flow_end::stopped unless it has ended otherwise
  // before. Idempotent.
  virtual void stop(flow& target) = 0;
  // Housekeeping, called by the worker about once a second: ends flows half-closed too long, and takes
  // TCP_USER_TIMEOUT off sockets whose peer merely does not read (see relay/stall_guard.hpp).
  virtual void tick(time_point now) = 0;
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;  // "epoll"
};

// Picks by options.engine. Errors: what epoll_create1 returned.
[[nodiscard]] result<std::unique_ptr<engine>> make_engine(boost::asio::io_context& context,
                                                          const relay_options& options,
                                                          metrics::relay_counters& counters);

}  // namespace pgsteer::relay
