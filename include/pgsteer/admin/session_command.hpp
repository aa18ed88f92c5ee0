#pragma once
// `pgsteer sessions` and `pgsteer session kill`: ask a running pgsteer over its control socket.
//
// Exit codes: 0 done, 1 it was not possible, or not all that was asked for is known, 2 what was asked for is
// not valid, 3 nobody answers there.
#include <iosfwd>
#include <string>

namespace pgsteer::admin {

struct sessions_request {
  enum class order {
    age,    // the oldest first
    bytes,  // who has moved most first, both directions together
  };
  order sort = order::age;
  std::string backend;  // its name or numeric address; empty: all
  std::string user;     // likewise
  bool as_json = false;
};

[[nodiscard]] int run_sessions(const std::string& control_socket, const sessions_request& wanted,
                               std::ostream& out, std::ostream& err);
[[nodiscard]] int run_session_kill(const std::string& control_socket, const std::string& id,
                                   std::ostream& out, std::ostream& err);

}  // namespace pgsteer::admin
