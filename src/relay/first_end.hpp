#pragma once
// Which side of a flow ended it, when the end of one was noticed first.
//
// A backend ends as its answer to the client's Terminate, maybe before the client's own end is read: then the
// client did. Where the protocol cannot be read (TLS hides Terminate), it did if its end waits to be read.
#include "relay/flow.hpp"
#include "relay/ready_tail.hpp"

namespace pgsteer::relay {

[[nodiscard]] side first_end(side noticed, bool is_readable_protocol, const ready_tail& tail,
                             int client_fd) noexcept;

}  // namespace pgsteer::relay
