#include "probe/outcome_log.hpp"

#include <utility>

#include "pgsteer/base/log.hpp"

namespace pgsteer::probe {

outcome_log::outcome_log(std::string_view event, std::string backend,
                         std::optional<topology::probe_outcome> before)
    : event_(event), backend_(std::move(backend)), last_(before) {}

void outcome_log::note(topology::probe_outcome outcome, std::string_view message) {
  if (last_ == outcome) return;
  const std::string_view before = last_ ? topology::to_string(*last_) : "none";
  last_ = outcome;
  const std::string_view name = topology::to_string(outcome);
  if (outcome == topology::probe_outcome::answered) {
    log(log_level::info, event_, {{"backend", backend_}, {"outcome", name}, {"before", before}});
    return;
  }
  log(log_level::warning, event_,
      {{"backend", backend_}, {"outcome", name}, {"before", before}, {"message", message}});
}

}  // namespace pgsteer::probe
