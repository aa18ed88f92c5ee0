#include "pgsteer/topology/probe_result.hpp"

namespace pgsteer::topology {

std::string_view to_string(probe_outcome value) noexcept {
  switch (value) {
    case probe_outcome::answered:
      return "answered";
    case probe_outcome::login_hung:
      return "login_hung";
    case probe_outcome::shutting_down:
      return "shutting_down";
    case probe_outcome::wrong_credentials:
      return "wrong_credentials";
    case probe_outcome::missing_database:
      return "missing_database";
    case probe_outcome::too_many_clients:
      return "too_many_clients";
    case probe_outcome::not_accepting:
      return "not_accepting";
    case probe_outcome::query_failed:
      return "query_failed";
    case probe_outcome::refused:
      return "refused";
    case probe_outcome::unreachable:
      return "unreachable";
    case probe_outcome::timed_out:
      return "timed_out";
    case probe_outcome::connection_lost:
      return "connection_lost";
    case probe_outcome::tls_failed:
      return "tls_failed";
    case probe_outcome::not_postgresql:
      return "not_postgresql";
    case probe_outcome::local_trouble:
      return "local_trouble";
  }
  return "unknown";
}

std::optional<probe_outcome> to_probe_outcome(std::string_view word) noexcept {
  for (int each = 0; each <= static_cast<int>(probe_outcome::local_trouble); ++each) {
    if (to_string(static_cast<probe_outcome>(each)) == word) return static_cast<probe_outcome>(each);
  }
  return std::nullopt;
}

}  // namespace pgsteer::topology
