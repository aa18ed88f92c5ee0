#pragma once
// From the traces of a failed login or query to its probe_outcome and one line of words.
//
// Pure: no libpq, no socket, no log; any thread. Decides by SQLSTATE, by the first byte the peer sent and by
// errno, never by translated text: libpq hands errno on only as strerror()'s words, so these are compared
// with strerror()'s own words in this process.
#include <optional>
#include <string>
#include <string_view>

#include "pgsteer/topology/probe_result.hpp"

namespace pgsteer::probe {

// How far a login came before it failed; from PQstatus().
enum class login_phase { dialing, negotiating_tls, authenticating, starting };

struct login_facts {
  std::string_view message;  // PQerrorMessage() with PQERRORS_VERBOSE
  login_phase phase = login_phase::dialing;
  std::optional<char> first_byte;   // of the peer's first plaintext answer in this phase
  bool is_answer_too_long = false;  // bytes behind the one byte that answers an SSLRequest
  bool is_tls_active = false;
  bool needs_password = false;  // PQconnectionNeedsPassword()
  bool used_password = false;   // PQconnectionUsedPassword()
  bool has_peer_closed = false;
};

[[nodiscard]] topology::probe_outcome classify_login(const login_facts& facts);

// Of a query on an open connection.
[[nodiscard]] topology::probe_outcome classify_query(std::string_view sqlstate) noexcept;

// The first "SEVERITY:  XXXXX: " of a verbose message; empty if there is none. A view into message.
[[nodiscard]] std::string_view sqlstate_in(std::string_view message) noexcept;

// The part of libpq's message that a person needs, on one line of printable ASCII, at most
// message_bytes_max: from the SQLSTATE on if there is one, else without the "connection to server at" prefix.
[[nodiscard]] std::string one_line(std::string_view message);

// Whether such a line says that the server ended the connection on somebody's order: admin_shutdown, 57P01
// (errcodes-appendix.html), by pg_terminate_backend() or as it shuts down.
[[nodiscard]] bool tells_termination(std::string_view line) noexcept;

// PostgreSQL's own messages are a sentence; more is a peer that is not one.
inline constexpr std::size_t message_bytes_max = 200;

}  // namespace pgsteer::probe
