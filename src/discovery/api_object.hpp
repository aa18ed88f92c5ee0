#pragma once
// What is read of the Kubernetes API's objects: which collection, which fields, and what came.
//
// Nothing here knows what a Pod is (that is pod_set): a Lease or an EndpointSlice is watched alike. Values.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "discovery/json_picker.hpp"
#include "pgsteer/base/result.hpp"

namespace pgsteer::discovery {

// A collection in one namespace, what of it is wanted, and which fields of each object.
struct api_resource {
  std::string group_path;  // "/api/v1", "/apis/coordination.k8s.io/v1"
  std::string plural;      // "pods"
  std::string label_selector = {};
  std::string field_selector = {};
  std::vector<json_path> fields;  // picked_value::which is the index here
  // What follows, as a clause of the log, while it cannot be read.
  std::string_view if_missing = "last good set kept";
};

// Of an object: its fields, in the order in which they stood.
struct api_object {
  std::string uid;
  std::string resource_version;
  picked_values fields;

  // The first value of a field; empty if there is none.
  [[nodiscard]] std::string_view text(std::size_t which) const noexcept { return text_of(fields, which); }
};

// A Status: what the API says instead of what was asked for (kubernetes.io/docs/reference/kubernetes-api/
// common-definitions/status).
struct api_status {
  int code = 0;  // as HTTP's
  std::string reason;
  std::string message;
};

struct watch_event {
  enum class kind { added, modified, deleted, bookmark, error };
  kind what{};
  api_object object;  // but of error; of a bookmark only the version
  api_status status;  // of error
};

// Who keeps what a list and the events after it tell. An error ends the list or the watch as malformed, and
// it is tried again.
class object_sink {
 public:
  object_sink() = default;
  object_sink(const object_sink&) = delete;
  object_sink& operator=(const object_sink&) = delete;
  virtual ~object_sink() = default;

  // A list comes anew; what was known stays the truth until end_list().
  virtual void begin_list() = 0;
  [[nodiscard]] virtual error_code add(const api_object& object) = 0;
  virtual void end_list() = 0;
  // Added, modified or deleted.
  [[nodiscard]] virtual error_code apply(const watch_event& event) = 0;
};

// As a metric's label: "added".
[[nodiscard]] std::string_view to_string(watch_event::kind what) noexcept;

}  // namespace pgsteer::discovery
