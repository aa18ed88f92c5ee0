#include "pgsteer/discovery/options.hpp"

#include <algorithm>

#include "pgsteer/discovery/errc.hpp"

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

result<void> check(const discovery_options& options) {
  if (!std::visit([](const auto& source) { return is_valid(source); }, options)) return errc::invalid_options;
  return {};
}

}  // namespace pgsteer::discovery
