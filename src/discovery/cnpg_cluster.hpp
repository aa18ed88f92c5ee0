#pragma once
// What CloudNativePG says of a cluster by the Cluster's object and its primary Lease, as far as it is a hint.
//
// Pure: objects in, values out. Sources: cloudnative-pg.io/docs (Fencing, Declarative hibernation, Rolling
// updates); api/v1/cluster_types.go and pkg/utils/fencing.go of its sources, release 1.30.
#include <optional>
#include <string>

#include "discovery/api_object.hpp"
#include "discovery/pod_set.hpp"

namespace pgsteer::discovery {

// Of the Cluster, or the Lease, of this name.
[[nodiscard]] api_resource cnpg_cluster_resource(const std::string& name);
[[nodiscard]] api_resource cnpg_lease_resource(const std::string& name);

struct cnpg_cluster {
  // Names of pods, empty where the object has none.
  std::string current_primary;
  std::string target_primary;
  // All of them if the cluster is hibernated, too.
  fenced_pods fenced;
  // The annotation that says so cannot be read: what stands there. Nobody counts as fenced by it.
  std::string malformed_fencing;

  // A switchover is under way: to whom. The target is "pending" while a failover looks for one, and flips
  // back to the old name; neither is a switchover.
  [[nodiscard]] std::optional<std::string> successor() const;

  friend bool operator==(const cnpg_cluster&, const cnpg_cluster&) = default;
};
// Of no object: as if it said nothing.
[[nodiscard]] cnpg_cluster read_cnpg_cluster(const std::optional<api_object>& object);

// The pod that holds the Lease; empty if nobody does.
[[nodiscard]] std::string read_cnpg_lease(const std::optional<api_object>& object);

}  // namespace pgsteer::discovery
