#include "topology/order_table.hpp"

#include <algorithm>

namespace pgsteer::topology {

void order_table::set(const backend_spec& whose, const std::optional<operator_order>& wanted,
                      const backend_table& known) {
  const whom key(whose.address, whose.identity);
  if (!wanted) {
    orders_.erase(key);
    return;
  }
  if (orders_.size() >= backends_max) {
    std::erase_if(orders_, [&](const auto& each) {
      return std::ranges::none_of(known, [&](const auto& entry) {
        return each.first == whom(entry.second.spec.address, entry.second.spec.identity);
      });
    });
  }
  orders_[key] = *wanted;
}

void order_table::lapse(time_point now) {
  std::erase_if(orders_, [now](const auto& each) { return each.second.until && *each.second.until <= now; });
}

std::optional<operator_order> order_table::of(const backend_spec& whose) const {
  if (orders_.empty()) return std::nullopt;
  const auto found = orders_.find({whose.address, whose.identity});
  return found == orders_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<time_point> order_table::next_end() const {
  std::optional<time_point> next;
  for (const auto& [whose, order] : orders_) {
    if (order.until) next = std::min(*order.until, next.value_or(*order.until));
  }
  return next;
}

std::vector<recollection::order> order_table::recall() const {
  std::vector<recollection::order> past;
  for (const auto& [whose, order] : orders_) past.push_back({whose.first, whose.second, order});
  return past;
}

void order_table::remember(const std::vector<recollection::order>& past) {
  for (const recollection::order& each : past) orders_[{each.address, each.identity}] = each.what;
}

}  // namespace pgsteer::topology
