#include "discovery/cnpg_cluster.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <utility>

#include "discovery/single_object.hpp"

namespace pgsteer::discovery {
namespace {

enum cluster_field : std::size_t { current_primary, target_primary, fenced_instances, hibernation };
enum lease_field : std::size_t { holder };

// A JSON list of names; "*" is everybody. False if it is something else.
bool read_fencing(std::string_view text, fenced_pods& out) {
  if (text.empty()) return true;
  error_code ec;
  const boost::json::value value = boost::json::parse({text.data(), text.size()}, ec);
  if (ec || !value.is_array()) return false;
  fenced_pods found;
  for (const boost::json::value& each : value.get_array()) {
    if (!each.is_string()) return false;
    std::string name(each.get_string().begin(), each.get_string().end());
    if (name == "*") {
      found.are_all = true;
    } else {
      found.names.insert(std::move(name));
    }
  }
  out = std::move(found);
  return true;
}

}  // namespace

api_resource cnpg_cluster_resource(const std::string& name) {
  std::vector<json_path> fields(hibernation + 1);
  fields[current_primary] = {"status", "currentPrimary"};
  fields[target_primary] = {"status", "targetPrimary"};
  fields[fenced_instances] = {"metadata", "annotations", "cnpg.io/fencedInstances"};
  fields[hibernation] = {"metadata", "annotations", "cnpg.io/hibernation"};
  return {.group_path = "/apis/postgresql.cnpg.io/v1",
          .plural = "clusters",
          .field_selector = single_object::selector_of(name),
          .fields = std::move(fields),
          .if_missing = "switchovers and fencing are noticed by probes alone"};
}

api_resource cnpg_lease_resource(const std::string& name) {
  return {.group_path = "/apis/coordination.k8s.io/v1",
          .plural = "leases",
          .field_selector = single_object::selector_of(name),
          .fields = {{"spec", "holderIdentity"}},
          .if_missing = "a promotion is noticed by probes alone"};
}

std::optional<std::string> cnpg_cluster::successor() const {
  constexpr const char* not_chosen_yet = "pending";
  const bool is_known = !current_primary.empty() && !target_primary.empty();
  if (!is_known || target_primary == not_chosen_yet || target_primary == current_primary) return std::nullopt;
  return target_primary;
}

cnpg_cluster read_cnpg_cluster(const std::optional<api_object>& object) {
  cnpg_cluster out;
  if (!object) return out;
  out.current_primary = object->text(current_primary);
  out.target_primary = object->text(target_primary);
  if (!read_fencing(object->text(fenced_instances), out.fenced))
    out.malformed_fencing = object->text(fenced_instances);
  if (object->text(hibernation) == "on") out.fenced.are_all = true;
  return out;
}

std::string read_cnpg_lease(const std::optional<api_object>& object) {
  const std::string_view name = object ? object->text(holder) : std::string_view();
  return name == "null" ? std::string() : std::string(name);
}

}  // namespace pgsteer::discovery
