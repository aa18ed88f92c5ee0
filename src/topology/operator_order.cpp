#include "pgsteer/topology/operator_order.hpp"

namespace pgsteer::topology {

std::string_view to_string(operator_order::kind value) noexcept {
  switch (value) {
    case operator_order::kind::disable:
      return "disable";
    case operator_order::kind::drain:
      return "drain";
  }
  return "unknown";
}

std::optional<operator_order::kind> to_operator_order(std::string_view word) noexcept {
  for (const operator_order::kind each : all_operator_orders) {
    if (to_string(each) == word) return each;
  }
  return std::nullopt;
}

std::string_view in_force(operator_order::kind value) noexcept {
  switch (value) {
    case operator_order::kind::disable:
      return "disabled";
    case operator_order::kind::drain:
      return "drained";
  }
  return "unknown";
}

}  // namespace pgsteer::topology
