#include "discovery/endpoint_zones.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "discovery/errc.hpp"
#include "pgsteer/discovery/options.hpp"

namespace pgsteer::discovery {
namespace {

enum slice_field : std::size_t { slice_zone, target_kind, target_name, target_uid, slice_fields };

// Longer ones are none (kubernetes.io/docs/concepts/overview/working-with-objects/names).
constexpr std::size_t pod_name_bytes_max = 253;

}  // namespace

api_resource endpoint_zones::resource(const std::vector<std::string>& services) {
  std::vector<json_path> fields(slice_fields);
  fields[slice_zone] = {"endpoints", "[]", "zone"};
  fields[target_kind] = {"endpoints", "[]", "targetRef", "kind"};
  fields[target_name] = {"endpoints", "[]", "targetRef", "name"};
  fields[target_uid] = {"endpoints", "[]", "targetRef", "uid"};
  std::string names;
  for (const std::string& each : services) names += (names.empty() ? "" : ",") + each;
  return {.group_path = "/apis/discovery.k8s.io/v1",
          .plural = "endpointslices",
          .label_selector = "kubernetes.io/service-name in (" + names + ")",
          .fields = std::move(fields),
          .if_missing = "zones are known from the pods' labels alone"};
}

// Without a zone, or for something else than a pod, an endpoint tells nothing.
std::vector<endpoint_zones::placed_pod> endpoint_zones::pods_of(const api_object& object) {
  std::map<std::size_t, std::array<std::string, slice_fields>> by_element;
  for (const picked_value& each : object.fields) by_element[each.element][each.which] = each.text;
  std::vector<placed_pod> found;
  for (auto& [element, values] : by_element) {
    if (values[target_kind] != "Pod" || !is_zone(values[slice_zone]) || values[slice_zone] == "null")
      continue;
    if (std::max(values[target_uid].size(), values[target_name].size()) > pod_name_bytes_max) continue;
    found.push_back(
        {std::move(values[target_uid]), std::move(values[target_name]), std::move(values[slice_zone])});
  }
  return found;
}

error_code endpoint_zones::slices::put(const std::string& uid, std::vector<placed_pod> pods) {
  const auto known = by_uid.find(uid);
  const std::size_t others = endpoints - (known == by_uid.end() ? 0 : known->second.size() + 1);
  if (others + pods.size() + 1 > endpoints_max) return errc::too_many;
  endpoints = others + pods.size() + 1;
  by_uid[uid] = std::move(pods);
  return {};
}

void endpoint_zones::slices::erase(const std::string& uid) {
  const auto found = by_uid.find(uid);
  if (found == by_uid.end()) return;
  endpoints -= found->second.size() + 1;
  by_uid.erase(found);
}

void endpoint_zones::begin_list() {
  listed_ = {};
}

error_code endpoint_zones::add(const api_object& object) {
  return listed_.put(object.uid, pods_of(object));
}

void endpoint_zones::end_list() {
  now_ = std::exchange(listed_, {});
  is_listed_ = has_changed_ = true;
}

error_code endpoint_zones::apply(const watch_event& event) {
  if (event.what == watch_event::kind::deleted) {
    now_.erase(event.object.uid);
    has_changed_ = true;
    return {};
  }
  std::vector<placed_pod> pods = pods_of(event.object);
  const auto known = now_.by_uid.find(event.object.uid);
  // Readiness comes and goes more often than pods do.
  if (known != now_.by_uid.end() && known->second == pods) return {};
  has_changed_ = true;
  return now_.put(event.object.uid, std::move(pods));
}

template <class Matches>
std::string_view endpoint_zones::zone_where(Matches matches) const {
  for (const auto& [slice, pods] : now_.by_uid) {
    const auto found = std::ranges::find_if(pods, matches);
    if (found != pods.end()) return found->zone;
  }
  return {};
}

std::string_view endpoint_zones::of_pod(std::string_view uid) const {
  return zone_where([uid](const placed_pod& each) { return each.uid == uid; });
}

std::string_view endpoint_zones::of_pod_named(std::string_view name) const {
  return zone_where([name](const placed_pod& each) { return each.name == name; });
}

bool endpoint_zones::take_change() {
  return std::exchange(has_changed_, false);
}

}  // namespace pgsteer::discovery
