#include "discovery/backend_set.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "pgsteer/base/log.hpp"

namespace pgsteer::discovery {

bool backend_set::update(std::vector<discovered_backend> found) {
  std::sort(found.begin(), found.end());
  std::set<endpoint> seen;  // two names of one address are one backend: the first name stays
  std::erase_if(found, [&](const discovered_backend& entry) { return !seen.insert(entry.address).second; });
  if (found.empty() || found == backends_) return false;
  backends_ = std::move(found);
  tell();
  return true;
}

// Where they are; what else changes shows in what becomes of each.
void backend_set::tell() {
  std::string list;
  for (const auto& entry : backends_) {
    list += (list.empty() ? "" : " ") + to_string(entry.address);
    if (!entry.zone.empty()) list += " (" + entry.zone + ")";
  }
  if (list == std::exchange(told_, list)) return;
  log(log_level::info, "backends discovered",
      {{"count", static_cast<std::int64_t>(backends_.size())}, {"addresses", list}});
}

}  // namespace pgsteer::discovery
