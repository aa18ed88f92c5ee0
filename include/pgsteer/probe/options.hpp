#pragma once
// How backends are probed; filled by config, checked here.
#include <optional>
#include <string>

#include "pgsteer/base/clock.hpp"

namespace pgsteer::probe {

struct probe_options {
  std::string user = "pgsteer";
  std::string password_file;  // read anew for every login, so a rotated secret is picked up; empty: none
  std::string passfile;       // libpq-pgpass.html; empty: libpq's own default. PGPASSWORD works as in libpq
  std::string database = "postgres";
  duration interval = milliseconds{500};
  duration burst_interval = milliseconds{20};  // after a hint, until the topology is stable again
  duration burst_time = seconds{2};            // a burst with nothing to decide ends after this
  duration timeout = milliseconds{300};        // of one query, and of one login
  // An answer still missing after this makes the backend suspect: no new sessions. A hundred times what a
  // local network needs, so an ordinary hiccup passes unnoticed.
  duration late_after = milliseconds{100};
  duration login_interval = seconds{10};  // a fresh login: an open connection hides a hung postmaster
  // The same at a primary, unless a client was let in meanwhile: an open connection hides a smart shutdown
  // too, and keeps it from ending. A process there for each.
  duration primary_login_interval = seconds{1};
  // A standby is asked for nothing but its role this often, so that a promotion beside a living primary is
  // noticed. More than five backends are asked less often, ten of them every 50 ms: watch_interval_of().
  duration watch_interval = milliseconds{25};
  // libpq-ssl.html, by libpq's own names; empty: libpq's default.
  std::string sslmode = "prefer";
  std::string sslrootcert;
  std::string sslcert;
  std::string sslkey;

  friend bool operator==(const probe_options&, const probe_options&) = default;
};

[[nodiscard]] bool are_valid(const probe_options& options) noexcept;

}  // namespace pgsteer::probe
