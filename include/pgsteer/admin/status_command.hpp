#pragma once
// `pgsteer status`: fetches /api/v1/topology and /readyz of a running pgsteer and prints a readable table.
#include <iosfwd>
#include <string>

namespace pgsteer::admin {

// admin_url such as http://127.0.0.1:9464. Returns the exit code: 0 if every listener is ready, 1 if one is
// not or pgsteer is draining, 3 if pgsteer could not be asked (the reason goes to err, one line). Blocks for
// at most 3 s, and longer only while the name of the host does not resolve.
int run_status(const std::string& admin_url, std::ostream& out, std::ostream& err);

}  // namespace pgsteer::admin
