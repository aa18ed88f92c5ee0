#include <sstream>

#include "config/units.hpp"
#include "pgsteer/config/config.hpp"

namespace pgsteer::config {
namespace {

std::string text_of(const runtime::listener_options& listener) {
  const routing::route_policy& policy = listener.policy;
  std::ostringstream out;
  out << listener.name << " on " << to_string(listener.bind) << ": " << to_string(policy.route) << ", "
      << to_string(policy.balance);
  if (policy.replay_lag_bytes_max)
    out << ", at most " << size_text(*policy.replay_lag_bytes_max) << " behind";
  if (policy.replay_delay_max) out << ", at most " << duration_text(*policy.replay_delay_max) << " behind";
  return out.str();
}

}  // namespace

std::string summary(const config& options) {
  std::ostringstream out;
  out << "  backends  " << std::visit([](const auto& source) { return to_string(source); }, options.discovery)
      << '\n';
  if (options.zone) out << "  zone      " << (options.zone->empty() ? "off" : *options.zone) << '\n';
  out << "  probe     " << options.probe.user << "@" << options.probe.database << " every "
      << duration_text(options.probe.interval) << '\n';
  for (const auto& listener : options.runtime.listeners) out << "  listener  " << text_of(listener) << '\n';
  out << "  admin     " << to_string(options.admin.bind) << '\n';
  out << "  workers   " << (options.workers == 0 ? "auto" : std::to_string(options.workers)) << '\n';
  return out.str();
}

}  // namespace pgsteer::config
