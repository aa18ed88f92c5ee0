#pragma once
// Objects of the Kubernetes API as its JSON has them, and what the readers make of them.
#include <string>
#include <vector>

#include "discovery/api_reader.hpp"
#include "discovery/pod_set.hpp"

namespace pgsteer::discovery::samples {

inline std::string to_word(notice what) {
  switch (what) {
    case notice::deletion:
      return "deletion";
    case notice::removal:
      return "removal";
    case notice::readiness:
      return "readiness";
    case notice::labels:
      return "labels";
    case notice::lease:
      return "lease";
    case notice::status:
      return "status";
  }
  return "?";
}

// A Pod, as much of it as matters and some of what does not.
struct sample_pod {
  std::string name = "pg-1";
  std::string uid = "uid-1";
  std::string version = "100";
  std::string address = "10.0.0.1";
  std::string phase = "Running";
  std::string labels = R"("cnpg.io/cluster":"pg","cnpg.io/instanceRole":"replica","role":"replica")";
  std::string created = "2026-11-28T10:00:00Z";
  bool is_ready = true;
  bool is_being_deleted = false;

  [[nodiscard]] std::string json() const {
    return R"({"kind":"Pod","apiVersion":"v1","metadata":{"name":")" + name +
           R"(","namespace":"db","uid":")" + uid + R"(","resourceVersion":")" + version +
           R"(","creationTimestamp":")" + created + "\"," +
           (is_being_deleted
                ? R"("deletionTimestamp":"2026-11-28T11:00:00Z","deletionGracePeriodSeconds":30,)"
                : "") +
           R"("labels":{)" + labels +
           R"(},"managedFields":[{"fieldsV1":{"f:metadata":{"f:labels":{".":{}}}}}]},)" +
           R"("spec":{"containers":[{"name":"postgres","env":[{"name":"uid","value":"no"}]}],"nodeName":"n1"},)" +
           R"("status":{"phase":")" + phase + R"(","conditions":[{"type":"PodScheduled","status":"True"},)" +
           R"({"lastProbeTime":null,"status":")" + (is_ready ? "True" : "False") + R"(","type":"Ready"}],)" +
           R"("podIP":")" + address + R"(","podIPs":[{"ip":")" + address + R"("}]}})";
  }
};

inline std::string event_json(const std::string& type, const std::string& object) {
  return R"({"type":")" + type + R"(","object":)" + object + "}\n";
}

inline std::string bookmark_json(const std::string& version) {
  return event_json("BOOKMARK", R"({"kind":"Pod","metadata":{"resourceVersion":")" + version +
                                    R"(","creationTimestamp":null},"spec":{"containers":null},"status":{}})");
}

inline std::string status_json(int code, const std::string& reason, const std::string& message) {
  return R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":")" + message +
         R"(","reason":")" + reason + R"(","code":)" + std::to_string(code) + "}";
}

template <class Object = sample_pod>
std::string list_json(const std::string& version, const std::vector<Object>& objects,
                      const std::string& continue_token = "") {
  std::string items;
  for (const Object& each : objects) items += (items.empty() ? "" : ",") + each.json();
  return R"({"kind":"List","apiVersion":"v1","metadata":{"resourceVersion":")" + version + "\"" +
         (continue_token.empty() ? "" : R"(,"continue":")" + continue_token + R"(","remainingItemCount":1)") +
         R"(},"items":[)" + items + "]}\n";
}

}  // namespace pgsteer::discovery::samples
