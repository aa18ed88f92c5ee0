#pragma once
// listed_session: what can be told of a live session at one moment, for people.
//
// A value; any thread. Nothing in it is guessed: what pgsteer does not know is left empty.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/base/endpoint.hpp"
#include "pgsteer/net/socket.hpp"
#include "pgsteer/session/session_id.hpp"
#include "pgsteer/topology/types.hpp"

namespace pgsteer::session {

// A name of a client's may have nearly 10,000 bytes. PostgreSQL itself goes by the first 63: NAMEDATALEN,
// src/include/pg_config_manual.h.
inline constexpr std::size_t listed_name_bytes_max = 63;

enum class session_stage : std::uint8_t {
  logging_in,
  held,            // waits for a backend
  cancelling,      // no session of PostgreSQL's, but a connection with a CancelRequest
  idle,            // outside a transaction
  in_transaction,  // idle amid one
  busy,            // the client has not got the end of an answer since it sent something last
  encrypted,       // whatever it does
  ending,          // one side has ended, and the other has not yet
};
[[nodiscard]] std::string_view to_string(session_stage stage) noexcept;  // "in transaction"

struct listed_session {
  session_id id;
  std::string listener;  // its name
  // At most listed_name_bytes_max each; empty: not known, or the client has named none.
  std::string user;
  std::string database;
  std::string application_name;
  net::tcp::endpoint client;
  topology::backend_id backend;  // 0: none
  endpoint backend_address;      // numeric
  net::tcp::endpoint
      local;  // pgsteer's own end of the connection to it; port 0: there is none, or it is a Unix socket
  std::optional<std::uint32_t> backend_pid;
  session_stage stage = session_stage::logging_in;
  time_point accepted_at;
  std::array<std::uint64_t, 2> bytes{};  // delivered, to the backend and to the client
};

}  // namespace pgsteer::session
