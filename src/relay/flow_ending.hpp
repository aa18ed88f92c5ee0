#pragma once
// flow_ending: which side ended a flow, and whether what came after that was a fault.
//
// One per flow, worker's thread. Looks at the client's socket once; owns nothing.
//
// Whoever said goodbye has ended the flow, else the side whose end is noticed first. After an orderly end, a
// goodbye or a FIN, a reset is no fault any more: a client that has closed answers the backend's close_notify
// with one, and so does a backend that has gone without reading the client's. A time-out is one: nobody
// answers.
//
// Flow: note() at each end or failure of a side -> when_closed() or when_failed(), once.
#include <optional>

#include "relay/flow.hpp"
#include "relay/goodbye.hpp"

namespace pgsteer::relay {

class flow_ending {
 public:
  // has_failed: by a reset, a time-out or another error, not by a FIN. The first call decides.
  void note(side noticed, bool has_failed, const goodbye& words, int client_fd) noexcept;

  [[nodiscard]] bool has_begun() const noexcept { return first_.has_value(); }
  [[nodiscard]] side first() const noexcept { return first_.value_or(side::client); }

  // Both sides have ended by a FIN and all is delivered.
  [[nodiscard]] flow_end when_closed(const goodbye& words) const noexcept;
  // This side has failed with this errno.
  [[nodiscard]] flow_end when_failed(side which, int error, const goodbye& words) const noexcept;

 private:
  [[nodiscard]] bool is_the_clients(const goodbye& words) const noexcept;

  std::optional<side> first_;
  bool is_orderly_ = false;
};

}  // namespace pgsteer::relay
