#include "discovery/zone_finder.hpp"

#include <algorithm>
#include <utility>

#include "pgsteer/base/log.hpp"

namespace pgsteer::discovery {

zone_finder::zone_finder(own_place own, bool has_slices) : own_(std::move(own)), has_slices_(has_slices) {
  set_own_zone(std::exchange(own_.zone, ""));
}

void zone_finder::set_own_zone(std::string_view zone) {
  if (zone.empty() || zone == own_.zone) return;
  own_.zone = zone;
  log(log_level::info, "own zone found", {{"zone", zone}});
}

bool zone_finder::place(std::vector<discovered_backend>& backends) {
  if (!own_.pod.empty()) set_own_zone(slices_.of_pod_named(own_.pod));
  bool is_one_missing = own_.zone.empty() && !own_.pod.empty();
  std::map<std::string, std::string> placed;
  for (discovered_backend& each : backends) {
    if (each.zone.empty()) {
      each.zone = slices_.of_pod(each.identity);
      const auto known = placed_.find(each.identity);
      if (each.zone.empty() && known != placed_.end()) each.zone = known->second;
      if (each.zone.empty()) {
        is_one_missing = is_one_missing || !own_.zone.empty();
      } else {
        placed.emplace(each.identity, each.zone);
      }
    }
    each.is_in_own_zone = !each.zone.empty() && each.zone == own_.zone;
  }
  placed_ = std::move(placed);
  const bool is_to_come = is_one_missing && has_slices_ && !slices_.is_listed();
  if (!backends.empty() && !is_to_come) tell(found_in(backends));
  return is_one_missing;
}

zone_finder::finding zone_finder::found_in(const std::vector<discovered_backend>& backends) const {
  const bool has_zones = std::ranges::any_of(backends, [](const auto& each) { return !each.zone.empty(); });
  if (!own_.matters || (own_.zone.empty() && !has_zones)) return finding::nothing;
  if (own_.zone.empty()) return finding::no_own_zone;
  if (!has_zones) return finding::no_zones;
  const bool has_near = std::ranges::any_of(backends, &discovered_backend::is_in_own_zone);
  return has_near ? finding::somebody_near : finding::nobody_near;
}

void zone_finder::tell(finding found) {
  if (std::exchange(told_, found) == found) return;
  const log_field zone{"zone", std::string_view(own_.zone)};
  switch (found) {
    case finding::no_own_zone:
      return log(log_level::info, "pgsteer's own zone is not known, the backends' zones play no part");
    case finding::no_zones:
      return log(log_level::warning, "no backend's zone is known, zones play no part", {zone});
    case finding::nobody_near:
      return log(log_level::info, "no backend is in pgsteer's own zone", {zone});
    case finding::nothing:
    case finding::somebody_near:
      return;
  }
}

}  // namespace pgsteer::discovery
