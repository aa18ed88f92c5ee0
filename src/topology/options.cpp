#include "pgsteer/topology/options.hpp"

#include <string>

#include "pgsteer/topology/topology.hpp"
#include "topology/errc.hpp"

namespace pgsteer::topology {
namespace {

class category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "pgsteer.topology"; }
  std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::role_ttl_not_positive:
        return "role_ttl must be positive";
      case errc::dead_after_below_role_ttl:
        return "dead_after must not be shorter than role_ttl";
    }
    return "unknown error";
  }
};

}  // namespace

const boost::system::error_category& topology_category() noexcept {
  static const category instance;
  return instance;
}

result<void> check(const topology_options& options) {
  if (options.role_ttl <= duration::zero()) return errc::role_ttl_not_positive;
  if (options.dead_after < options.role_ttl) return errc::dead_after_below_role_ttl;
  return {};
}

}  // namespace pgsteer::topology
