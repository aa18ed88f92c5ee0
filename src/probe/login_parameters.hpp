#pragma once
// libpq's connection parameters for one login of the probe role.
//
// Reads password_file, anew for each login; holds no secret between logins. Control thread.
#include <string>
#include <variant>
#include <vector>

#include "pgsteer/probe/options.hpp"
#include "pgsteer/probe/prober.hpp"
#include "probe/pg_connection.hpp"

namespace pgsteer::probe {

// password_file could not be read.
struct unreadable_password {
  topology::probe_outcome outcome;  // wrong_credentials, or local_trouble when we ran out of descriptors
  std::string message;
};

[[nodiscard]] std::variant<std::vector<parameter>, unreadable_password> login_parameters(
    const probe_options& options, const probe_target& target);

// The same without a password, whatever the environment knows but PGPASSWORD: the login ends when the server
// asks for it.
[[nodiscard]] std::vector<parameter> anonymous_login_parameters(probe_options options,
                                                                const probe_target& target);

// What verify-full and the passfile compare: the name without its port; the address if there is no name.
[[nodiscard]] std::string host_of(const probe_target& target);

// A SCRAM password is at most a few hundred bytes (PG_MAX_AUTH_TOKEN_LENGTH is 65,535 in
// src/include/libpq/auth.h); a longer file is not a password file.
inline constexpr std::size_t password_bytes_max = 4096;

}  // namespace pgsteer::probe
