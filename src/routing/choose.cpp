#include "pgsteer/routing/choose.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>

#include "routing/eligible.hpp"
#include "routing/tier.hpp"

namespace pgsteer::routing {
namespace {

using topology::backend_status;

// The backends that are left to choose from, and how many were eligible but tried.
struct field {
  tier best = tier::full;
  std::size_t left = 0;  // of the best tier
  std::size_t tried = 0;
  std::uint32_t sessions_min = std::numeric_limits<std::uint32_t>::max();
  std::size_t least_loaded = 0;  // how many of those left have sessions_min
};

field survey(want wanted, const zone_loads& zones, const choice_input& input) noexcept {
  field found;
  const auto& backends = input.snapshot.backends;
  for (std::size_t index = 0; index < backends.size(); ++index) {
    if (!is_eligible(wanted, backends[index], input)) continue;
    if (was_tried(backends[index], input)) {
      ++found.tried;
      continue;
    }
    const tier its = tier_of(index, zones, input);
    if (its > found.best) continue;
    if (its < found.best) found = {.best = its, .tried = found.tried};
    ++found.left;
    const std::uint32_t sessions = sessions_of(index, input);
    if (sessions < found.sessions_min) {
      found.sessions_min = sessions;
      found.least_loaded = 0;
    }
    if (sessions == found.sessions_min) ++found.least_loaded;
  }
  return found;
}

// The ticket read as a number in mixed radix: the first choice among n is digit ticket % n; after it failed,
// the next digit, ticket / n, chooses among the n - 1 that are left, and so on. The digits are independent,
// so the share of a failed backend is spread evenly over the others instead of falling on its neighbour.
std::size_t draw(std::uint64_t ticket, const field& found, std::size_t candidates) noexcept {
  std::size_t radix = found.left + found.tried;
  for (std::size_t failed = 0; failed < found.tried; ++failed) ticket /= radix--;
  return static_cast<std::size_t>(ticket % candidates);
}

// Precondition: found.left > 0, found surveyed from the same input.
const backend_status* pick(want wanted, const field& found, const zone_loads& zones,
                           const choice_input& input) noexcept {
  const bool by_load = input.policy.balance == balance::least_sessions;
  std::size_t skip = draw(input.ticket, found, by_load ? found.least_loaded : found.left);
  const auto& backends = input.snapshot.backends;
  for (std::size_t index = 0; index < backends.size(); ++index) {
    const backend_status& backend = backends[index];
    if (!is_eligible(wanted, backend, input) || was_tried(backend, input)) continue;
    if (tier_of(index, zones, input) != found.best) continue;
    if (by_load && sessions_of(index, input) != found.sessions_min) continue;
    if (skip-- == 0) return &backend;
  }
  return nullptr;
}

bool is_ordered_standby(const backend_status& backend) noexcept {
  return backend.role == topology::role::standby && backend.is_kept_by_order_alone();
}

bool is_ordered_and_answers(const backend_status& backend) noexcept {
  return backend.order && backend.is_answering;
}

no_backend explain(want wanted, const field& found, const topology::topology_snapshot& snapshot) noexcept {
  if (snapshot.backends.empty()) return no_backend::none_known;
  if (found.tried > 0) return no_backend::all_tried;
  switch (wanted) {
    case want::any:
      return std::ranges::any_of(snapshot.backends, is_ordered_and_answers) ? no_backend::none_unordered
                                                                            : no_backend::none_answering;
    case want::primary:
      if (snapshot.is_primary_kept_by_order()) return no_backend::primary_ordered;
      if (snapshot.primary) return no_backend::primary_silent;
      return snapshot.is_ambiguous ? no_backend::ambiguous : no_backend::no_primary;
    case want::standby:
      if (std::ranges::any_of(snapshot.backends, &backend_status::is_ro_eligible))
        return no_backend::standbys_lag;
      return std::ranges::any_of(snapshot.backends, is_ordered_standby) ? no_backend::standbys_ordered
                                                                        : no_backend::no_standby;
  }
  return no_backend::none_known;
}

choice choose_one(want wanted, const choice_input& input) noexcept {
  const zone_loads zones = survey_zones(wanted, input);
  const field found = survey(wanted, zones, input);
  if (found.left == 0) return {nullptr, explain(wanted, found, input.snapshot)};
  return {pick(wanted, found, zones, input), {}};
}

}  // namespace

std::string_view to_string(no_backend value) noexcept {
  switch (value) {
    case no_backend::none_known:
      return "discovery has found no backend";
    case no_backend::no_primary:
      return "no backend is proven primary";
    case no_backend::primary_silent:
      return "the primary is known but takes no new sessions now";
    case no_backend::primary_ordered:
      return "the primary takes no new sessions by the operator's order";
    case no_backend::ambiguous:
      return "two backends claim to be primary on the same timeline";
    case no_backend::none_unordered:
      return "every backend that answers takes no new sessions by the operator's order";
    case no_backend::none_answering:
      return "no backend answers";
    case no_backend::no_standby:
      return "no standby is healthy";
    case no_backend::standbys_ordered:
      return "every healthy standby takes no new sessions by the operator's order";
    case no_backend::standbys_lag:
      return "every standby lags too far behind";
    case no_backend::all_tried:
      return "every eligible backend was tried and failed";
  }
  return "no backend";
}

choice choose(const choice_input& input) noexcept {
  switch (input.policy.route) {
    case target_session_attrs::any:
      return choose_one(want::any, input);
    case target_session_attrs::read_write:
    case target_session_attrs::primary:
      return choose_one(want::primary, input);
    case target_session_attrs::read_only:
    case target_session_attrs::standby:
      return choose_one(want::standby, input);
    case target_session_attrs::prefer_standby:
      break;
  }
  const choice standby = choose_one(want::standby, input);
  if (standby.backend != nullptr) return standby;
  const choice primary = choose_one(want::primary, input);
  if (primary.backend != nullptr || primary.why_not == no_backend::all_tried) return primary;
  return standby;
}

}  // namespace pgsteer::routing
