#include "server/named_backend.hpp"

#include <algorithm>

namespace pgsteer::server {
namespace {

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i)
    text += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
  return text;
}

}  // namespace

std::vector<const topology::backend_status*> backends_called(std::string_view words,
                                                             const topology::topology_snapshot& snapshot) {
  std::vector<const topology::backend_status*> meant;
  for (const topology::backend_status& each : snapshot.backends) {
    if (each.is_replaced) continue;  // its address is another one's now
    if (to_string(each.address) == words) return {&each};
    if (each.name.text() == words) meant.push_back(&each);
  }
  const auto is_named = [](const topology::backend_status* each) { return !each->is_leaving; };
  if (std::ranges::any_of(meant, is_named)) std::erase_if(meant, std::not_fn(is_named));
  return meant;
}

std::string both_names(const topology::backend_status& of) {
  const std::string address = to_string(of.address);
  return of.name.text() == address ? address : of.name.text() + " (" + address + ")";
}

std::string all_names(const topology::topology_snapshot& snapshot) {
  std::vector<std::string> names;
  for (const topology::backend_status& each : snapshot.backends)
    if (!each.is_replaced) names.push_back(both_names(each));
  return listed(names);
}

std::string addresses(const std::vector<const topology::backend_status*>& of) {
  std::vector<std::string> texts;
  for (const topology::backend_status* each : of) texts.push_back(to_string(each->address));
  return listed(texts);
}

}  // namespace pgsteer::server
