#pragma once
// Whether a login or a session may stay at its backend, by the present state.
//
// Pure; any thread.
#include <optional>
#include <string>
#include <vector>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/base/endpoint.hpp"
#include "pgsteer/login/close_reason.hpp"
#include "pgsteer/routing/options.hpp"
#include "pgsteer/runtime/state.hpp"
#include "pgsteer/topology/snapshot.hpp"

namespace pgsteer::login {

// May a login go on at this backend? A missed probe alone ends it only if the backend keeps the login waiting
// too (is_slow): under a storm of logins probes are late, and cutting logins that are nearly through would
// feed the storm.
[[nodiscard]] bool may_go_on(const runtime::state& present, topology::backend_id backend,
                             routing::target_session_attrs route, bool is_slow, time_point now) noexcept;

// Why a session must end; a detail that is empty leaves the reason's own message.
struct removal {
  close_reason reason;
  std::string detail;
  // It goes on until its client can be told outside a transaction; where that cannot be seen, until it has
  // been quiet for so long.
  std::optional<duration> when_quiet_for = {};
};
// Of a session that bytes are relayed for; nothing if it may stay.
[[nodiscard]] std::optional<removal> must_leave(const runtime::state& present, topology::backend_id backend,
                                                routing::target_session_attrs route);

// Who may have the session of a CancelRequest whose key is not known here: it runs through another pgsteer,
// or its login was encrypted. A wrong key is harmless:
// protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS.
[[nodiscard]] std::vector<endpoint> cancel_candidates(const topology::topology_snapshot& snapshot,
                                                      routing::target_session_attrs route);

}  // namespace pgsteer::login
