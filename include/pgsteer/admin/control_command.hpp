#pragma once
// `pgsteer reload`, `pgsteer upgrade` and `pgsteer config`: ask a running pgsteer over its control socket.
//
// Exit codes: 0 done, 1 it was not possible, 2 the configuration is not valid, 3 nobody answers there.
#include <iosfwd>
#include <string>

namespace pgsteer::admin {

// Of a package's configuration; control.socket may name another.
inline constexpr const char* usual_control_socket = "/run/pgsteer/control.sock";

[[nodiscard]] int run_reload(const std::string& control_socket, std::ostream& out, std::ostream& err);
// binary: the program to start; empty: the one that runs.
[[nodiscard]] int run_upgrade(const std::string& control_socket, const std::string& binary, std::ostream& out,
                              std::ostream& err);
[[nodiscard]] int run_config(const std::string& control_socket, std::ostream& out, std::ostream& err);

}  // namespace pgsteer::admin
