#include "topology/handover.hpp"

namespace pgsteer::topology {

bool is_delayed(const verdict_reason& reason) noexcept {
  return reason.what == verdict_reason::kind::primary_settling ||
         reason.what == verdict_reason::kind::primary_switching_over;
}

std::optional<time_point> settles_until(const knowledge& primary, std::optional<time_point> risen_at,
                                        const topology_options& options) noexcept {
  if (!risen_at || !primary.answer) return std::nullopt;
  const bool is_cnpg = options.is_cnpg_cluster || primary.answer->is_cnpg_managed;
  const duration longest = options.settle.value_or(is_cnpg ? cnpg_settle : duration::zero());
  if (longest == duration::zero() || primary.terminated_at >= *risen_at) return std::nullopt;
  return *risen_at + longest;
}

}  // namespace pgsteer::topology
