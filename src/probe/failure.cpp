#include "probe/failure.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace pgsteer::probe {
namespace {

using topology::probe_outcome;

struct errno_outcome {
  int value;
  probe_outcome outcome;
};
constexpr std::array errno_outcomes{
    errno_outcome{ECONNREFUSED, probe_outcome::refused},
    errno_outcome{EHOSTUNREACH, probe_outcome::unreachable},
    errno_outcome{ENETUNREACH, probe_outcome::unreachable},
    errno_outcome{EHOSTDOWN, probe_outcome::unreachable},
    errno_outcome{ENETDOWN, probe_outcome::unreachable},
    errno_outcome{ETIMEDOUT, probe_outcome::timed_out},
    errno_outcome{EMFILE, probe_outcome::local_trouble},
    errno_outcome{ENFILE, probe_outcome::local_trouble},
    errno_outcome{ENOBUFS, probe_outcome::local_trouble},
    errno_outcome{EADDRNOTAVAIL, probe_outcome::local_trouble},
    errno_outcome{ENOMEM, probe_outcome::local_trouble},
    errno_outcome{ECONNRESET, probe_outcome::connection_lost},
    errno_outcome{EPIPE, probe_outcome::connection_lost},
};

std::optional<probe_outcome> outcome_of_errno(std::string_view message) {
  for (const errno_outcome& entry : errno_outcomes) {
    if (message.find(std::generic_category().message(entry.value)) != std::string_view::npos) {
      return entry.outcome;
    }
  }
  return std::nullopt;
}

// Appendix errcodes-appendix.html.
probe_outcome outcome_of_login_sqlstate(std::string_view sqlstate) noexcept {
  if (sqlstate.starts_with("28")) return probe_outcome::wrong_credentials;
  if (sqlstate == "3D000") return probe_outcome::missing_database;
  if (sqlstate == "53300") return probe_outcome::too_many_clients;
  if (sqlstate == "57P01" || sqlstate == "57P02" || sqlstate == "57P03") return probe_outcome::not_accepting;
  return probe_outcome::query_failed;
}

// What PostgreSQL may say first. To an SSLRequest: one byte S or N (protocol-flow.html#PROTOCOL-FLOW-SSL) or
// an ErrorResponse. To a StartupMessage: Authentication (R), ErrorResponse (E) or NegotiateProtocolVersion
// (v), protocol-flow.html#PROTOCOL-FLOW-START-UP.
bool is_postgresql_start(const login_facts& facts) noexcept {
  const char byte = *facts.first_byte;
  if (facts.phase == login_phase::negotiating_tls) {
    return byte == 'E' || ((byte == 'S' || byte == 'N') && !facts.is_answer_too_long);
  }
  return byte == 'R' || byte == 'E' || byte == 'v';
}

bool is_sqlstate(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
}

}  // namespace

std::string_view sqlstate_in(std::string_view message) noexcept {
  constexpr std::string_view opening = ":  ";
  constexpr std::size_t length = 5;
  for (auto at = message.find(opening); at != std::string_view::npos; at = message.find(opening, at + 1)) {
    const std::string_view rest = message.substr(at + opening.size());
    if (rest.size() > length && rest[length] == ':' && is_sqlstate(rest.substr(0, length))) {
      return rest.substr(0, length);
    }
  }
  return {};
}

probe_outcome classify_login(const login_facts& facts) {
  if (facts.first_byte && !is_postgresql_start(facts)) return probe_outcome::not_postgresql;
  if (const auto sqlstate = sqlstate_in(facts.message); !sqlstate.empty()) {
    return outcome_of_login_sqlstate(sqlstate);
  }
  if (facts.needs_password) return probe_outcome::wrong_credentials;
  // An ErrorResponse without SQLSTATE: the postmaster could not fork, and says so in the oldest protocol. Its
  // words hold the other machine's errno, so they are not looked at.
  if (facts.first_byte == 'E') return probe_outcome::not_accepting;
  if (const auto outcome = outcome_of_errno(facts.message)) return *outcome;
  if (facts.has_peer_closed) return probe_outcome::connection_lost;
  switch (facts.phase) {
    case login_phase::dialing:
      return probe_outcome::unreachable;  // a firewall's EPERM or EACCES, an address of no use
    case login_phase::negotiating_tls:
      return probe_outcome::tls_failed;
    case login_phase::authenticating:
      // TLS 1.3 tells that a client certificate was refused only after the handshake.
      if (facts.is_tls_active && !facts.used_password) return probe_outcome::tls_failed;
      return probe_outcome::wrong_credentials;  // a method libpq lacks, or a server that failed SCRAM's proof
    case login_phase::starting:
      return probe_outcome::query_failed;
  }
  return probe_outcome::query_failed;
}

probe_outcome classify_query(std::string_view sqlstate) noexcept {
  if (sqlstate.starts_with("57P0")) return probe_outcome::connection_lost;
  if (sqlstate == "57014") return probe_outcome::timed_out;  // statement_timeout struck first
  return probe_outcome::query_failed;
}

bool tells_termination(std::string_view line) noexcept {
  return line.starts_with("57P01:");
}

std::string one_line(std::string_view message) {
  if (const auto sqlstate = sqlstate_in(message); !sqlstate.empty()) {
    message.remove_prefix(static_cast<std::size_t>(sqlstate.data() - message.data()));
  } else if (message.starts_with("connection to server at ")) {
    constexpr std::string_view closing = " failed: ";
    if (const auto at = message.find(closing); at != std::string_view::npos) {
      message.remove_prefix(at + closing.size());
    }
  }
  message = message.substr(0, std::min(message.find('\n'), message_bytes_max));
  std::string line(message);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return line;
}

}  // namespace pgsteer::probe
