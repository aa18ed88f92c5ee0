#pragma once
// Where the backends come from; filled by config, checked here.
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/base/endpoint.hpp"

namespace pgsteer::discovery {

// A fixed list. Names in it are resolved (first address), again every refresh.
struct static_options {
  std::vector<endpoint> backends;
  duration refresh = seconds{2};
};

// Every A and AAAA record of one name is a backend.
struct dns_options {
  std::string name;
  std::uint16_t port = 5432;
  duration refresh = seconds{2};
};

// A new source is a new alternative here, one file in src/discovery and its keys in config.
using discovery_options = std::variant<static_options, dns_options>;

[[nodiscard]] bool are_valid(const discovery_options& options) noexcept;

}  // namespace pgsteer::discovery
