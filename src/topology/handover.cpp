#include "topology/handover.hpp"

namespace pgsteer::topology {

bool handover::announce(backend_id from, replacement_sign sign, time_point now,
                        duration believed_for) noexcept {
  std::optional<announcement>& last = announced_.at(static_cast<std::size_t>(sign));
  if (last && last->from == from && now < last->until + doubted_for) {
    last->is_withdrawn = false;
    return false;
  }
  last = {from, now + believed_for};
  return true;
}

void handover::withdraw_status() noexcept {
  auto& last = announced_.at(static_cast<std::size_t>(replacement_sign::status));
  if (last) last->is_withdrawn = true;
}

void handover::note_elected(std::optional<backend_id> primary) noexcept {
  for (auto& last : announced_) {
    if (last && primary && *primary != last->from) last.reset();
  }
}

std::optional<time_point> handover::settles_until(const knowledge& primary,
                                                  const topology_options& options) const noexcept {
  if (!risen_at_ || !primary.answer) return std::nullopt;
  const bool is_cnpg = options.is_cnpg_cluster || primary.answer->is_cnpg_managed;
  const duration longest = options.settle.value_or(is_cnpg ? options.cnpg_settle : duration::zero());
  const bool was_terminated = primary.terminated_at >= *risen_at_;
  const bool is_back = was_terminated && primary.answered_at >= primary.terminated_at;
  if (longest == duration::zero() || is_back) return std::nullopt;
  return *risen_at_ + longest;
}

std::optional<time_point> handover::announced_until(backend_id primary, time_point now) const noexcept {
  std::optional<time_point> latest;
  for (const auto& last : announced_) {
    if (!last || !last->counts(primary, now)) continue;
    if (!latest || last->until > *latest) latest = last->until;
  }
  return latest;
}

bool handover::is_stopped_soon(backend_id primary, time_point now) const noexcept {
  const auto& status = of(replacement_sign::status);
  const auto& deletion = of(replacement_sign::deletion);
  const bool is_deleted = deletion && deletion->from == primary;
  return status && status->counts(primary, now) && !is_deleted;
}

bool is_delayed(const verdict_reason& reason) noexcept {
  return reason.what == verdict_reason::kind::primary_settling ||
         reason.what == verdict_reason::kind::primary_switching_over ||
         reason.what == verdict_reason::kind::primary_ordered;
}

}  // namespace pgsteer::topology
