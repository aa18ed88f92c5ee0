#include "discovery/pod_set.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <utility>

#include "discovery/errc.hpp"

namespace pgsteer::discovery {
namespace {

enum field : std::size_t {
  name,
  created_at,
  deleted_at,
  phase,
  address,
  condition_type,
  condition_status,
  zone_label,
  first_label,
};

// CloudNativePG's two and Patroni's: who manages the pod changes them around a promotion.
constexpr std::array watched_labels{"cnpg.io/instanceRole", "cnpg.io/podRole", "role"};

bool is_ready(const api_object& object) {
  for (const picked_value& type : object.fields) {
    if (type.which != condition_type || type.text != "Ready") continue;
    return std::ranges::any_of(object.fields, [&](const picked_value& status) {
      return status.which == condition_status && status.element == type.element && status.text == "True";
    });
  }
  return false;
}

// As sockets write it; empty if it is none.
std::string numeric(std::string_view text) {
  error_code ec;
  const auto value = boost::asio::ip::make_address(text, ec);
  return ec ? std::string() : value.to_string();
}

}  // namespace

api_resource pod_set::resource(std::string label_selector) {
  std::vector<json_path> fields(first_label);
  fields[name] = {"metadata", "name"};
  fields[created_at] = {"metadata", "creationTimestamp"};
  fields[deleted_at] = {"metadata", "deletionTimestamp"};
  fields[phase] = {"status", "phase"};
  fields[address] = {"status", "podIP"};
  fields[condition_type] = {"status", "conditions", "[]", "type"};
  fields[condition_status] = {"status", "conditions", "[]", "status"};
  // From Kubernetes 1.35 on a pod takes it over from its node, when it is bound to it (KEP-4742).
  fields[zone_label] = {"metadata", "labels", "topology.kubernetes.io/zone"};
  for (const char* const label : watched_labels) fields.push_back({"metadata", "labels", label});
  return {.group_path = "/api/v1",
          .plural = "pods",
          .label_selector = std::move(label_selector),
          .fields = std::move(fields)};
}

pod_set::pod pod_set::pod_of(const api_object& object) {
  pod made;
  made.name = object.text(name);
  made.address = numeric(object.text(address));
  made.phase = object.text(phase);
  made.created_at = object.text(created_at);
  if (is_zone(object.text(zone_label))) made.zone = object.text(zone_label);
  made.is_ready = discovery::is_ready(object);
  const std::string_view deletion = object.text(deleted_at);
  made.is_being_deleted = !deletion.empty() && deletion != "null";
  for (std::size_t i = 0; i < watched_labels.size(); ++i)
    made.labels.emplace_back(object.text(first_label + i));
  return made;
}

error_code pod_set::add(const api_object& object) {
  if (listed_.size() >= pods_max && !listed_.contains(object.uid)) return errc::too_many;
  listed_[object.uid] = pod_of(object);
  return {};
}

void pod_set::end_list() {
  const pods before = std::exchange(pods_, std::exchange(listed_, {}));
  has_changed_ = true;
  for (const auto& [uid, was] : before) {
    const auto now = pods_.find(uid);
    note_change(uid, was, now == pods_.end() ? nullptr : &now->second);
  }
}

error_code pod_set::apply(const watch_event& event) {
  const bool is_gone = event.what == watch_event::kind::deleted;
  const std::string& uid = event.object.uid;
  const auto found = pods_.find(uid);
  if (is_gone) {
    if (found == pods_.end()) return {};
    const pod before = std::move(found->second);
    pods_.erase(found);
    has_changed_ = has_changed_ || before.is_candidate();
    note_change(uid, before, nullptr);
  } else if (found != pods_.end()) {
    const pod before = std::exchange(found->second, pod_of(event.object));
    has_changed_ = has_changed_ || !is_same_candidate(before, found->second);
    note_change(uid, before, &found->second);
  } else {
    if (pods_.size() >= pods_max) return errc::too_many;
    const auto made = pods_.emplace(uid, pod_of(event.object)).first;
    has_changed_ = has_changed_ || made->second.is_candidate();
  }
  return {};
}

std::vector<discovered_backend> pod_set::candidates() const {
  std::map<std::string_view, pods::const_iterator> by_address;
  for (auto each = pods_.begin(); each != pods_.end(); ++each) {
    if (!each->second.is_candidate()) continue;
    const auto [place, is_first] = by_address.try_emplace(each->second.address, each);
    if (!is_first && place->second->second.created_at <= each->second.created_at) place->second = each;
  }
  std::vector<discovered_backend> found;
  for (const auto& [text, each] : by_address) {
    found.push_back(backend_of(each->first, each->second));
    found.back().is_withheld = fenced_.contains(each->second.name);
    found.back().zone = each->second.zone;
  }
  return found;
}

std::optional<discovered_backend> pod_set::named(std::string_view name) const {
  pods::const_iterator newest = pods_.end();
  for (auto each = pods_.begin(); each != pods_.end(); ++each) {
    const pod& one = each->second;
    if (one.name != name || one.address.empty() || one.phase != "Running") continue;
    if (newest == pods_.end() || newest->second.created_at <= one.created_at) newest = each;
  }
  if (newest == pods_.end()) return std::nullopt;
  return backend_of(newest->first, newest->second);
}

void pod_set::withhold(fenced_pods fenced) {
  has_changed_ = has_changed_ || fenced != fenced_;
  fenced_ = std::move(fenced);
}

std::set<backend_hint> pod_set::take_hints() {
  return std::exchange(hints_, {});
}

bool pod_set::take_change() {
  return std::exchange(has_changed_, false);
}

bool pod_set::is_same_candidate(const pod& left, const pod& right) {
  if (!left.is_candidate() || !right.is_candidate()) return left.is_candidate() == right.is_candidate();
  return left.name == right.name && left.address == right.address && left.created_at == right.created_at &&
         left.zone == right.zone;
}

discovered_backend pod_set::backend_of(const std::string& uid, const pod& of) const {
  return {to_string(endpoint{of.name, port_}), {of.address, port_}, uid};
}

void pod_set::note_change(const std::string& uid, const pod& before, const pod* now) {
  const auto hint = [&](const pod& of, notice what) { hints_.insert({backend_of(uid, of), what}); };
  // One that runs no longer, or never did, has nobody to ask; one that is being deleted still has.
  if (before.address.empty() || before.phase != "Running") return;
  if (now == nullptr) {
    hint(before, notice::removal);
    return;
  }
  if (now->address != before.address) return;  // the set says it
  if (now->is_being_deleted && !before.is_being_deleted) hint(*now, notice::deletion);
  if (now->is_ready != before.is_ready) hint(*now, notice::readiness);
  if (now->labels != before.labels) hint(*now, notice::labels);
}

}  // namespace pgsteer::discovery
