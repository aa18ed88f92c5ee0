#pragma once
// Which backend an operator means: by its name, or by its address.
//
// Pure; any thread.
#include <string>
#include <string_view>
#include <vector>

#include "pgsteer/topology/snapshot.hpp"

namespace pgsteer::server {

// All that it may mean. Of several with one name those that discovery has left behind do not count while it
// names another; an address is one backend's alone. Valid as long as the snapshot.
[[nodiscard]] std::vector<const topology::backend_status*> backends_called(
    std::string_view words, const topology::topology_snapshot& snapshot);

// "10.0.0.2:5432", or "pg-2.example:5432 (10.0.0.2:5432)".
[[nodiscard]] std::string both_names(const topology::backend_status& of);
// Of all that take sessions or have some, as "a, b and c".
[[nodiscard]] std::string all_names(const topology::topology_snapshot& snapshot);
// Their addresses alone, likewise.
[[nodiscard]] std::string addresses(const std::vector<const topology::backend_status*>& of);

}  // namespace pgsteer::server
