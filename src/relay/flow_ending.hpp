#pragma once
// flow_ending: which side ended a flow, and whether what came after that was a fault.
//
// One per flow, worker's thread. Looks at the client's socket once; owns nothing.
//
// The side whose end is noticed first has ended the flow, unless that was the backend's answer to the
// client's goodbye, which may be noticed before the client's own end. After an orderly end, a goodbye or a
// FIN, nothing is a fault any more: a client that has closed answers the backend's close_notify with a reset,
// and so does a backend that has gone without reading the client's.
//
// Flow: note() at each end or failure of a side -> when_closed() or when_failed(), once.
#include <optional>

#include "relay/flow.hpp"
#include "relay/ready_tail.hpp"

namespace pgsteer::relay {

class flow_ending {
 public:
  // has_failed: by a reset, a time-out or another error, not by a FIN. The first call decides.
  void note(side noticed, bool has_failed, const ready_tail& tail, int client_fd) noexcept;

  [[nodiscard]] bool has_begun() const noexcept { return first_.has_value(); }
  [[nodiscard]] side first() const noexcept { return first_.value_or(side::client); }

  // Both sides have ended by a FIN and all is delivered.
  [[nodiscard]] flow_end when_closed(const ready_tail& tail) const noexcept;
  // This side has failed.
  [[nodiscard]] flow_end when_failed(side which, const ready_tail& tail) const noexcept;

 private:
  [[nodiscard]] bool is_the_clients(const ready_tail& tail) const noexcept;

  std::optional<side> first_;
  bool is_orderly_ = false;  // by a FIN; a goodbye makes up for a reset
};

}  // namespace pgsteer::relay
