#include "topology/handover.hpp"

namespace pgsteer::topology {

bool handover::announce(backend_id from, time_point now, duration believed_for) noexcept {
  if (announced_ && announced_->from == from && now < announced_->until + doubted_for) {
    announced_->is_withdrawn = false;
    return false;
  }
  announced_ = {from, now + believed_for};
  return true;
}

void handover::withdraw() noexcept {
  if (announced_) announced_->is_withdrawn = true;
}

void handover::note_elected(std::optional<backend_id> primary) noexcept {
  if (announced_ && primary && *primary != announced_->from) announced_.reset();
}

std::optional<time_point> handover::settles_until(const knowledge& primary,
                                                  const topology_options& options) const noexcept {
  if (!risen_at_ || !primary.answer) return std::nullopt;
  const bool is_cnpg = options.is_cnpg_cluster || primary.answer->is_cnpg_managed;
  const duration longest = options.settle.value_or(is_cnpg ? cnpg_settle : duration::zero());
  const bool was_terminated = primary.terminated_at >= *risen_at_;
  const bool is_back = was_terminated && primary.answered_at >= primary.terminated_at;
  if (longest == duration::zero() || is_back) return std::nullopt;
  return *risen_at_ + longest;
}

std::optional<time_point> handover::announced_until(backend_id primary, time_point now) const noexcept {
  if (!announced_ || announced_->is_withdrawn || announced_->from != primary) return std::nullopt;
  if (now >= announced_->until) return std::nullopt;
  return announced_->until;
}

bool is_delayed(const verdict_reason& reason) noexcept {
  return reason.what == verdict_reason::kind::primary_settling ||
         reason.what == verdict_reason::kind::primary_switching_over;
}

}  // namespace pgsteer::topology
