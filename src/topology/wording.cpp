// The words for verdicts: what the log, the admin API and clients read.
#include <array>
#include <string_view>
#include <utility>

#include "pgsteer/topology/verdict_reason.hpp"

namespace pgsteer::topology {
namespace {

using enum verdict_reason::kind;
using claim = std::pair<verdict_reason::kind, std::string_view>;

// In the order of the enumerators. Figures and outcome are added to some.
constexpr std::array claims{
    claim{none, "no verdict yet"},
    claim{not_probed, "not probed yet"},
    claim{role_not_known, "role not known"},
    claim{foreign, "system identifier "},
    claim{identities_differ, "system identifiers disagree, and no primary decides"},
    claim{silent_too_long, "silent for longer than dead_after"},
    claim{unknown_since_then, "role not known since it was silent"},
    claim{primary, "primary on the highest timeline"},
    claim{primary_dropped, "primary on the highest timeline, though discovery dropped it"},
    claim{primary_last_known, "primary when last known"},
    claim{primary_leaving, "primary, leaving: no new sessions"},
    claim{primary_shutting_down, "primary, shutting down: no new sessions"},
    claim{primary_settling, "primary, settling after its promotion: no new sessions yet"},
    claim{primary_switching_over, "primary, about to be replaced: no new sessions"},
    claim{primary_ordered, "primary"},
    claim{primary_unusable, "primary"},
    claim{primary_late, "primary, but its probe is late"},
    claim{primary_was_gone, "primary before it was gone"},
    claim{primary_before_pause, "primary, but not probed since the process stood still"},
    claim{primary_amid_pause, "primary, but not every backend was probed since the process stood still"},
    claim{primary_too_old, "primary by knowledge too old to use"},
    claim{primary_fenced, "primary on timeline "},
    claim{primary_by_own_word, "primary by its own word, until every backend was probed once"},
    claim{primary_second, "second primary on the primary's timeline: excluded"},
    claim{primary_second_to_lost, "second primary on the lost primary's timeline: excluded"},
    claim{primary_among_several, "one of several primaries on the same timeline: none is used"},
    claim{standby, "standby"},
    claim{standby_only_one, "standby, lost repeatedly but the only one"},
    claim{standby_last_known, "standby when last known"},
    claim{standby_leaving, "standby, leaving: no new sessions"},
    claim{standby_shutting_down, "standby, shutting down: no new sessions"},
    claim{standby_withheld, "standby, fenced by its manager: no new sessions"},
    claim{standby_ordered, "standby"},
    claim{standby_unusable, "standby"},
    claim{standby_late, "standby, but its probe is late"},
    claim{standby_was_gone, "standby before it was gone"},
    claim{standby_too_old, "standby by knowledge too old to use"},
    claim{standby_fenced, "standby on timeline "},
    claim{standby_ahead, "standby on timeline "},
    claim{standby_without_receiver, "standby, timeline not proven: no WAL receiver"},
    claim{standby_before_switch,
          "standby, timeline not proven: replay is before the fence's first known position"},
    claim{standby_perhaps_stale, "standby, timeline not proven: a primary below the fence is alive"},
    claim{standby_beyond_receipt,
          "standby, timeline not proven: it replayed more than its WAL receiver brought"},
    claim{standby_resting, "standby, resting since it was lost repeatedly"},
};

constexpr bool is_in_order() {
  for (std::size_t i = 0; i < claims.size(); ++i) {
    if (static_cast<std::size_t>(claims[i].first) != i) return false;
  }
  return claims.back().first == standby_resting;
}
static_assert(is_in_order());

// As a clause: "no answer in time".
std::string_view explain(probe_outcome outcome) noexcept {
  switch (outcome) {
    case probe_outcome::answered:
      return "it answers";
    case probe_outcome::login_hung:
      return "a fresh login hangs";
    case probe_outcome::shutting_down:
      return "it is shutting down";
    case probe_outcome::wrong_credentials:
      return "the probe's credentials are refused";
    case probe_outcome::missing_database:
      return "the probe's database does not exist";
    case probe_outcome::too_many_clients:
      return "all its connection slots are taken";
    case probe_outcome::not_accepting:
      return "it is starting up or shutting down";
    case probe_outcome::query_failed:
      return "the role query failed";
    case probe_outcome::refused:
      return "connection refused";
    case probe_outcome::unreachable:
      return "no route to it";
    case probe_outcome::timed_out:
      return "no answer in time";
    case probe_outcome::connection_lost:
      return "the probe's connection was lost";
    case probe_outcome::tls_failed:
      return "TLS could not be agreed";
    case probe_outcome::not_postgresql:
      return "what answers is not PostgreSQL";
    case probe_outcome::local_trouble:
      return "local trouble kept the probe from asking";
  }
  return "unknown outcome";
}

}  // namespace

std::string to_string(const verdict_reason& reason) {
  std::string words(claims[static_cast<std::size_t>(reason.what)].second);
  if (reason.what == foreign) {
    words += std::to_string(reason.system.value) + " differs from the cluster's " +
             std::to_string(reason.cluster.value);
  } else if (reason.what == primary_fenced || reason.what == standby_fenced) {
    words += std::to_string(reason.timeline.value) + ", below the fence " +
             std::to_string(reason.fence_timeline.value);
  } else if (reason.what == standby_ahead) {
    words += std::to_string(reason.timeline.value) + ", above the primary's " +
             std::to_string(reason.fence_timeline.value);
  }
  if (reason.outcome) words.append(", but ").append(explain(*reason.outcome));
  if (reason.order) words.append(", ").append(in_force(*reason.order)).append(" by the operator");
  return words;
}

}  // namespace pgsteer::topology
