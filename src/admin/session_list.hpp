#pragma once
// The list of sessions as `pgsteer sessions` shows it: read, filtered, sorted, printed.
//
// Pure; any thread. What is read comes from whoever listens on the socket: nothing in it is trusted.
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pgsteer/admin/session_command.hpp"
#include "pgsteer/admin/session_list.hpp"

namespace pgsteer::admin {

struct session_report {
  std::vector<live_session> sessions;
  session_list_taker::rest rest;
};

// Nothing if it is no list of sessions.
[[nodiscard]] std::optional<session_report> read_session_report(std::string_view json);

// wanted.backend: known, or somebody's. An unknown one is an error and no empty list, since that would look
// like a backend without sessions.
[[nodiscard]] bool knows_backend(const session_report& of, const std::string& backend);
// "pg-1 (10.0.0.1:5432), 10.0.0.2:5432"
[[nodiscard]] std::string backends_in_words(const session_report& of);

// Those that are wanted, in the order that is wanted.
[[nodiscard]] std::vector<live_session> chosen(std::vector<live_session> from,
                                               const sessions_request& wanted);

// all: how many there are besides.
void print_sessions(const std::vector<live_session>& shown, std::size_t all, std::ostream& out);
// {"sessions": [...]}, a line for each.
void print_sessions_json(const std::vector<live_session>& shown, std::ostream& out);

// "session 3f2a of app@orders from 10.0.0.9:41234 is ended". Of an encrypted one pgsteer has no key to cancel
// with.
[[nodiscard]] std::string ended_in_words(const live_session& was);

}  // namespace pgsteer::admin
