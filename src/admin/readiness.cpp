#include "admin/readiness.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "admin/wording.hpp"

namespace pgsteer::admin {

readiness readiness_of(const admin_provider& provider) {
  return {provider.is_draining(), provider.readiness()};
}

bool is_ready(const readiness& value) {
  return !value.is_draining && std::any_of(value.listeners.begin(), value.listeners.end(),
                                           [](const listener_readiness& each) { return each.is_ready; });
}

std::string_view to_string(const readiness& value) {
  if (value.is_draining) return "draining";
  return is_ready(value) ? "ready" : "not ready";
}

std::string readiness_json(const readiness& value) {
  boost::json::array listeners;
  for (const listener_readiness& each : value.listeners) {
    listeners.push_back(boost::json::object{{"name", well_formed(each.name)},
                                            {"address", well_formed(each.address)},
                                            {"route", well_formed(each.route)},
                                            {"ready", each.is_ready},
                                            {"reason", well_formed(each.reason)}});
  }
  return boost::json::serialize(boost::json::object{
      {"ready", is_ready(value)}, {"draining", value.is_draining}, {"listeners", std::move(listeners)}});
}

}  // namespace pgsteer::admin
