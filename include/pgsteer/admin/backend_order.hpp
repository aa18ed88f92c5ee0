#pragma once
// What an operator orders of a running pgsteer, about one backend or all of it, and what it says to that.
//
// Values; any thread.
#include <cstdint>
#include <optional>
#include <string>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/topology/operator_order.hpp"

namespace pgsteer::admin {

struct backend_order {
  std::string backend;  // its name or its address
  // Nothing: what was ordered before is taken back.
  std::optional<topology::operator_order::kind> wanted;
  std::optional<duration> time;  // order_time_min to order_time_max; nothing: until it is taken back
};

struct backend_order_report {
  enum class outcome {
    done,
    unknown,     // no backend is called so
    ambiguous,   // several are
    impossible,  // of this process at present
  };
  outcome what = outcome::impossible;
  std::string problem = {};  // unless it is done
  std::string backend = {};  // "10.0.0.2:5432", or "pg-2.example:5432 (10.0.0.2:5432)"
  std::optional<topology::operator_order::kind> before = {};  // what was in force until now
  bool is_primary = false;
  std::uint64_t sessions = 0;  // live ones there
};

struct drain_report {
  std::string problem = {};  // why it is not possible; empty: it drains
  bool has_begun_before = false;
  std::uint64_t sessions = 0;  // live ones
};

}  // namespace pgsteer::admin
