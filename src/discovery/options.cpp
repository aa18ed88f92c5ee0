#include "pgsteer/discovery/options.hpp"

#include <algorithm>

namespace pgsteer::discovery {
namespace {

bool is_valid(const static_options& options) {
  return !options.backends.empty() && options.refresh > duration::zero() &&
         std::all_of(options.backends.begin(), options.backends.end(),
                     [](const endpoint& backend) { return !backend.host.empty() && backend.port != 0; });
}

bool is_valid(const dns_options& options) {
  return !options.name.empty() && options.port != 0 && options.refresh > duration::zero();
}

}  // namespace

bool are_valid(const discovery_options& options) noexcept {
  return std::visit([](const auto& source) { return is_valid(source); }, options);
}

}  // namespace pgsteer::discovery
