#pragma once
// What workers share, with nobody to listen to their hints. Outlives the workers.
#include "pgsteer/session/worker_context.hpp"

namespace pgsteer::test {

struct shared_parts {
  login::permit_pools permits;
  session::cancel_registry cancels;
  metrics::cancel_counters cancel_counters;
  session::awaited_login awaited;
  session::session_ids ids;
  session::worker_shared shared{
      permits, cancels, cancel_counters, [](topology::backend_id, topology::hint) {}, awaited, ids};
};

}  // namespace pgsteer::test
