#include "admin/traffic_json.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>

#include "admin/wording.hpp"

namespace pgsteer::admin {
namespace {

boost::json::object listener_json(const listener_readiness& of, const listener_traffic& counted) {
  return {
      {"name", well_formed(of.name)},
      {"address", well_formed(of.address)},
      {"route", well_formed(of.route)},
      {"ready", of.is_ready},
      {"reason", well_formed(of.reason)},
      {"sessions", counted.sessions},
      {"accepted_total", counted.accepted},
      {"rejected_total", counted.rejected},
      {"logins_held", counted.held},
      {"logins_held_total", counted.held_total},
      {"logins_released_total", counted.released},
      {"logins_expired_total", counted.expired},
      {"bytes_to_backend_total", counted.bytes[0]},
      {"bytes_to_client_total", counted.bytes[1]},
  };
}

}  // namespace

std::string traffic_json(const readiness& ready, const traffic_view& view, std::uint64_t history_revision) {
  boost::json::array listeners;
  for (std::size_t i = 0; i < ready.listeners.size(); ++i) {
    const listener_traffic counted = i < view.listeners.size() ? view.listeners[i] : listener_traffic{};
    listeners.push_back(listener_json(ready.listeners[i], counted));
  }
  boost::json::array backends;
  for (const backend_traffic& each : view.backends) {
    backends.push_back(boost::json::object{{"id", each.id.value},
                                           {"sessions", each.sessions},
                                           {"sessions_total", each.sessions_total},
                                           {"dial_failures_total", each.dial_failures}});
  }
  const auto at = std::chrono::duration_cast<milliseconds>(view.now.time_since_epoch());
  return boost::json::serialize(boost::json::object{
      {"version", PGSTEER_VERSION},
      {"start_time_ms", std::llround(view.start_time_seconds * 1000)},
      {"at_ms", at.count()},
      {"ready", is_ready(ready)},
      {"draining", ready.is_draining},
      {"history_revision", history_revision},
      {"listeners", std::move(listeners)},
      {"backends", std::move(backends)},
      {"now_ms", std::llround(view.unix_now_seconds * 1000)},
  });
}

}  // namespace pgsteer::admin
