#pragma once
// `pgsteer backend disable|drain|resume` and `pgsteer drain`: the operator's orders to a running pgsteer,
// over its control socket.
//
// Exit codes: 0 it is in force, 1 it is not possible or no such backend, 3 nobody answers there.
#include <iosfwd>
#include <string>

#include "pgsteer/admin/backend_order.hpp"

namespace pgsteer::admin {

// time_in_words: of order.time, for people, as in "10m".
[[nodiscard]] int run_backend_order(const std::string& control_socket, const backend_order& order,
                                    const std::string& time_in_words, std::ostream& out, std::ostream& err);
[[nodiscard]] int run_drain(const std::string& control_socket, std::ostream& out, std::ostream& err);

}  // namespace pgsteer::admin
