#pragma once
// What can happen to a login. Most events answer the action that was asked for last; the last six come by
// themselves.
//
// Values; views in them end with the call that they are handed to.
#include <string>
#include <type_traits>
#include <variant>

#include "pgsteer/base/bytes.hpp"
#include "pgsteer/base/result.hpp"
#include "pgsteer/login/close_reason.hpp"
#include "pgsteer/login/lease.hpp"
#include "pgsteer/routing/choose.hpp"

namespace pgsteer::login {

// Why a socket is of no more use; the end of the stream is asio::error::eof.
struct failure {
  error_code error;
  bool is_local_trouble = false;  // of this host, and so nobody's fault out there

  // Of local trouble, for the log and the client.
  [[nodiscard]] std::string in_words() const { return "pgsteer is out of resources: " + error.message(); }
};

enum class client_presence {
  present,
  ended,  // has ended its sending direction: gone, or it only has no more to send
  gone,
};

// Answers.
struct client_bytes {
  byte_span bytes;  // not empty
};
struct client_written {};
struct client_failed {
  failure why;
};
struct client_seen {
  client_presence presence = client_presence::present;
  bool has_input = false;  // that nobody has read
};
struct picked {
  picked_backend backend;
};
struct none_eligible {
  routing::no_backend why;
};
struct connected {};
struct backend_bytes {
  byte_span bytes;  // not empty
};
struct backend_written {
  std::size_t n;
};
struct backend_failed {
  failure why;
};
struct cancel_delivered {};

// Not asked for.
struct begun {};            // the first one
struct client_readable {};  // or ended, or failed; once, after an action with watches_client
struct woken {};            // by the queue for a dial or by the hold line, or for nothing
struct snapshot_changed {};
struct deadline_passed {};
struct stopped {
  close_reason reason;
};

using event = std::variant<client_bytes, client_written, client_failed, client_seen, picked, none_eligible,
                           connected, backend_bytes, backend_written, backend_failed, cancel_delivered, begun,
                           client_readable, woken, snapshot_changed, deadline_passed, stopped>;

// May be let pass where it means nothing. Any other event that nobody has asked for is the driver's defect.
template <class Event>
inline constexpr bool may_be_ignored =
    std::is_same_v<Event, client_readable> || std::is_same_v<Event, woken> ||
    std::is_same_v<Event, snapshot_changed> || std::is_same_v<Event, deadline_passed>;

}  // namespace pgsteer::login
