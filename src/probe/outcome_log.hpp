#pragma once
// Logs the outcomes of one backend's probes: one line per change, however often it is probed.
//
// Owned by backend_probe; control thread.
#include <optional>
#include <string>
#include <string_view>

#include "pgsteer/topology/probe_result.hpp"

namespace pgsteer::probe {

class outcome_log {
 public:
  // event: a literal, what the lines are about. backend: its address. before: what goes without saying.
  outcome_log(std::string_view event, std::string backend,
              std::optional<topology::probe_outcome> before = std::nullopt);

  void note(topology::probe_outcome outcome, std::string_view message);

 private:
  std::string_view event_;
  std::string backend_;
  std::optional<topology::probe_outcome> last_;
};

}  // namespace pgsteer::probe
