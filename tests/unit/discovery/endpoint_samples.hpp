#pragma once
// EndpointSlices as the Kubernetes API's JSON has them.
#include <string>
#include <vector>

#include "unit/discovery/api_samples.hpp"

namespace pgsteer::discovery::samples {

struct sample_endpoint {
  std::string pod = "pg-1";
  std::string zone = R"("zone":"east",)";
  std::string kind = "Pod";
  std::string uid = "uid-" + pod;

  [[nodiscard]] std::string json() const {
    return R"({"addresses":["10.0.0.1"],"conditions":{"ready":true},"nodeName":"n",)" + zone +
           R"("targetRef":{"kind":")" + kind + R"(","name":")" + pod + R"(","namespace":"db","uid":")" + uid +
           R"("}})";
  }
};

struct sample_slice {
  std::string uid;
  std::vector<sample_endpoint> endpoints;

  [[nodiscard]] std::string json() const {
    std::string list;
    for (const sample_endpoint& each : endpoints) list += (list.empty() ? "" : ",") + each.json();
    return R"({"metadata":{"name":"pg-r-x","uid":")" + uid +
           R"(","resourceVersion":"6"},"addressType":"IPv4","endpoints":)" +
           (list.empty() ? "null" : "[" + list + "]") + R"(,"ports":[{"port":5432}]})";
  }
};

}  // namespace pgsteer::discovery::samples
