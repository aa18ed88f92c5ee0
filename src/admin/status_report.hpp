#pragma once
// What `pgsteer status` knows: the two JSON documents read back, and the table made of them.
//
// Pure; any thread. The documents come from whoever listens on the URL: nothing in them is trusted.
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pgsteer/admin/admin_server.hpp"

namespace pgsteer::admin {

struct reported_backend {
  std::string address;
  std::string role;
  std::string lsn;
  std::string reason;
  std::uint64_t timeline = 0;
  std::uint64_t replay_lag_bytes = 0;
  std::uint64_t sessions = 0;
  bool is_rw_eligible = false;
  bool is_ro_eligible = false;
  std::optional<milliseconds> probe_age;
  std::optional<milliseconds> order_left;  // of the operator's order, if it ends by itself
};

struct status_report {
  std::uint64_t generation = 0;
  std::uint64_t fence_timeline = 0;
  std::string system_identifier;
  std::optional<std::string> primary;
  bool is_ambiguous = false;
  bool is_draining = false;
  std::vector<listener_readiness> listeners;
  std::vector<reported_backend> backends;
};

// Nothing if either text is not the document that pgsteer serves.
[[nodiscard]] std::optional<status_report> read_report(std::string_view topology, std::string_view readyz);

void print_report(const status_report& report, std::ostream& out);

}  // namespace pgsteer::admin
