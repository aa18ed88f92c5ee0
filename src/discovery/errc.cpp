#include "discovery/errc.hpp"

#include <string>

namespace pgsteer::discovery {
namespace {

class category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "pgsteer.discovery"; }
  std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::too_large:
        return "an object that is larger than Kubernetes allows";
      case errc::malformed:
        return "not what the Kubernetes API answers";
      case errc::too_many:
        return "more objects than are kept: label_selector or zone_services match too many";
    }
    return "unknown error";
  }
};

}  // namespace

const boost::system::error_category& discovery_category() noexcept {
  static const category instance;
  return instance;
}

}  // namespace pgsteer::discovery
