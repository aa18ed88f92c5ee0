#pragma once
// endpoint_zones: in which zone pods run, as the EndpointSlices of some Services tell, by a list and the
// events after it. So nobody needs the right to read nodes.
//
// Pure: no socket, no clock, no log. Not thread-safe. Source: kubernetes.io/docs/reference/kubernetes-api/
// service-resources/endpoint-slice-v1 (endpoints.zone, endpoints.targetRef).
//
// Flow: begin_list(), add() for each object of every page, end_list() -> apply() for each event; after either
// take_change() says whether any zone may be another now.
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "discovery/api_object.hpp"
#include "pgsteer/base/result.hpp"

namespace pgsteer::discovery {

class endpoint_zones final : public object_sink {
 public:
  // As many as pod_set::pods_max, several times: a Service has slices of each address family.
  static constexpr std::size_t endpoints_max = 20'000;

  // The slices of these Services, at least one, and what of each.
  [[nodiscard]] static api_resource resource(const std::vector<std::string>& services);

  void begin_list() override;
  // Errors: errc::too_many.
  [[nodiscard]] error_code add(const api_object& object) override;
  void end_list() override;
  // Errors: errc::too_many.
  [[nodiscard]] error_code apply(const watch_event& event) override;

  // The zone of the pod with this UID, or of this name; empty if it is not known. O(endpoints). The text
  // lives until the next change.
  [[nodiscard]] std::string_view of_pod(std::string_view uid) const;
  [[nodiscard]] std::string_view of_pod_named(std::string_view name) const;
  // A list was whole.
  [[nodiscard]] bool is_listed() const noexcept { return is_listed_; }
  // True if a zone may have changed since the last call.
  [[nodiscard]] bool take_change();

 private:
  struct placed_pod {
    std::string uid;
    std::string name;
    std::string zone;

    friend bool operator==(const placed_pod&, const placed_pod&) = default;
  };
  struct slices {
    std::map<std::string, std::vector<placed_pod>> by_uid;
    std::size_t endpoints = 0;

    [[nodiscard]] error_code put(const std::string& uid, std::vector<placed_pod> pods);
    void erase(const std::string& uid);
  };
  [[nodiscard]] static std::vector<placed_pod> pods_of(const api_object& object);
  template <class Matches>
  [[nodiscard]] std::string_view zone_where(Matches matches) const;

  slices now_;
  slices listed_;  // by a list that is not whole yet
  bool is_listed_ = false;
  bool has_changed_ = false;
};

}  // namespace pgsteer::discovery
