#pragma once
// recollection: what one process knows of the backends, for the next one to begin with: so that its first
// decision is no new beginning, in which a lost rival of the primary in use could be taken for the primary.
//
// Values only; any thread. What was announced of switchovers and which backends rest after losses is not in
// it.
#include <optional>
#include <string>
#include <vector>

#include "pgsteer/topology/backend_spec.hpp"
#include "pgsteer/topology/fence_mark.hpp"
#include "pgsteer/topology/operator_order.hpp"
#include "pgsteer/topology/probe_result.hpp"
#include "pgsteer/topology/types.hpp"

namespace pgsteer::topology {

struct recollection {
  struct backend {
    backend_id id;
    backend_spec spec;
    bool is_leaving = false;
    bool left_as_primary = false;  // and was the primary in use when it was named last
    // Those by which what is known of it is known again, oldest first.
    std::vector<probe_result> results;
    // Stood beside that other primary in use on this timeline.
    timeline_id rival_on;
    backend_id rival_of;
    // Was proven to follow this timeline in the run that began at this start_time_us.
    timeline_id followed;
    std::int64_t followed_in_run = 0;
  };
  // Of a backend that may be unknown at present.
  struct order {
    endpoint address;
    std::string identity;
    operator_order what;
  };
  std::vector<backend> backends;  // in order of id
  std::vector<order> orders = {};
  std::optional<backend_id> incumbent;
  std::optional<fence_mark> mark;
};

}  // namespace pgsteer::topology
