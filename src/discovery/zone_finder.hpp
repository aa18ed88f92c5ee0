#pragma once
// zone_finder: in which zone backends run, and which of them run in pgsteer's own.
//
// A backend's zone is what its source says, or else what EndpointSlices tell of its pod, or told last: while
// they are made anew, or without its Service, it stays where it is. Pure but for one log line per finding;
// owned by a source. Control thread.
//
// Flow: place() over each new set of backends -> true: slices() are missed.
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "discovery/endpoint_zones.hpp"
#include "pgsteer/discovery/source.hpp"

namespace pgsteer::discovery {

// Where pgsteer itself runs.
struct own_place {
  std::string zone;     // empty: not known
  std::string pod;      // whose slices tell the zone, if it is not known; empty: nobody's
  bool matters = true;  // false: zones are switched off
};
// By the configuration, POD_ZONE, and the pod's name if has_service: a Service of pgsteer's own may tell.
[[nodiscard]] own_place find_own_place(const zone_option& configured, bool has_service);

class zone_finder {
 public:
  // has_slices: somebody will feed slices() once place() misses them.
  zone_finder(own_place own, bool has_slices);

  [[nodiscard]] endpoint_zones& slices() noexcept { return slices_; }
  [[nodiscard]] bool take_change() { return slices_.take_change(); }
  // pgsteer's own; empty: not known.
  [[nodiscard]] const std::string& own_zone() const noexcept { return own_.zone; }
  // Fills in the zones that are known from slices, and who is in pgsteer's own. True if zones matter here and
  // one is missing that slices may tell.
  [[nodiscard]] bool place(std::vector<discovered_backend>& backends);

 private:
  void set_own_zone(std::string_view zone);
  enum class finding { nothing, no_own_zone, no_zones, nobody_near, somebody_near };
  [[nodiscard]] finding found_in(const std::vector<discovered_backend>& backends) const;
  void tell(finding found);

  own_place own_;
  const bool has_slices_;
  endpoint_zones slices_;
  std::map<std::string, std::string>
      placed_;  // by identity: what slices told of the backends of the last set
  finding told_ = finding::nothing;
};

}  // namespace pgsteer::discovery
