#pragma once
// order_table: the operator's orders, by what tells one backend from another. So one that discovery does not
// name for a while, and that is forgotten meanwhile, has its order when it is named again.
//
// Private to topology; pure.
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pgsteer/topology/operator_order.hpp"
#include "topology/knowledge.hpp"

namespace pgsteer::topology {

class order_table {
 public:
  // Nothing takes back what there is. known: of others an order may be dropped, where there are too many.
  void set(const backend_spec& whose, const std::optional<operator_order>& wanted,
           const backend_table& known);
  // Drops those whose time is over.
  void lapse(time_point now);
  [[nodiscard]] std::optional<operator_order> of(const backend_spec& whose) const;
  // When the next one's time is over; nothing if none ends by itself.
  [[nodiscard]] std::optional<time_point> next_end() const;

  [[nodiscard]] std::vector<recollection::order> recall() const;
  void remember(const std::vector<recollection::order>& past);

 private:
  using whom = std::pair<endpoint, std::string>;  // address, identity
  std::map<whom, operator_order> orders_;
};

}  // namespace pgsteer::topology
