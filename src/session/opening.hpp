#pragma once
// opening: what a session needs only until it is logged in, and freed then, so that an idle session owns no
// buffer.
//
// Plain data; owned by one session, touched on its worker's thread alone.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/net/permit.hpp"
#include "pgsteer/net/wait_point.hpp"
#include "pgsteer/net/watchdog.hpp"
#include "pgsteer/pgwire/login_watch.hpp"
#include "pgsteer/pgwire/startup_negotiation.hpp"
#include "pgsteer/relay/engine.hpp"
#include "pgsteer/topology/types.hpp"
#include "session/login_socket.hpp"

namespace pgsteer::session {

// What is asked of a backend as the first thing, and so what its first answer looks like.
enum class question {
  encryption,  // SSLRequest or GSSENCRequest: one byte
  startup,     // StartupMessage: a message
  direct_tls,  // ClientHello: the answer is the client's business
};

enum class attempt_end {
  answered,
  failed,         // no connection, or no sensible answer: the backend is at fault
  cut,            // the client left, the session must end, or the backend lost its role meanwhile
  refused,        // 57P03 or 53300 before authentication: another backend, or later
  local_trouble,  // this host is at fault
};

// As long as the slowest dial that is not unusual takes, so that a backend that restarts is not hammered.
constexpr auto retry_pause_min = milliseconds{50};

struct opening {
  opening(boost::asio::io_context& context, relay::engine& engine, bool refuse_hot_standby)
      : client(context, engine),
        backend(context, engine),
        wait(context),
        watchdog(context),
        client_watchdog(context),
        watch({refuse_hot_standby}) {}

  login_socket client;  // both until the relay starts
  login_socket backend;
  net::wait_point wait;
  net::watchdog watchdog;
  net::watchdog client_watchdog;  // looks again whether the client has left
  pgwire::startup_negotiation negotiation;
  pgwire::login_watch watch;
  pgwire::startup_step step;  // the packet being served; views into received
  std::vector<std::uint8_t>
      received;  // from the client, not yet consumed; at most one packet and what is behind it
  std::vector<std::uint8_t> answer;   // the backend's first bytes, not yet sent on
  std::vector<std::uint8_t> refusal;  // a backend's own 53300, for the client if nothing better comes
  std::vector<topology::backend_id> tried;
  net::permit login_permit;
  net::permit hold_permit;
  std::optional<std::uint64_t> ticket;
  std::optional<time_point> hold_deadline;  // set when the login first had to wait
  duration retry_pause = retry_pause_min;   // before an eligible backend that refused is asked again; doubles
  std::string why_held;
  std::string verdict_sqlstate;  // on a malformed packet
  bool is_held = false;
  bool has_dial_slot = false;
  bool is_client_gone = false;
  bool is_client_watched = false;
  bool is_reaching = false;  // a backend: in reach_backend()
  bool is_cut = false;       // the topology changed: the backend being asked may no longer have this session
  bool is_slow = false;  // dialing, asked and not answered within connect_timeout, or asked again after an
                         // earlier answer
  bool awaits_one_byte =
      false;                  // the client asked for encryption: it can read 'S', 'G' or 'N', but no message
  bool is_blind = false;      // encrypted from here on: bytes only
  bool is_logged_in = false;  // ReadyForQuery was seen
};

}  // namespace pgsteer::session
