#include "pgsteer/discovery/errc.hpp"

#include <string>

namespace pgsteer::discovery {
namespace {

class category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "pgsteer.discovery"; }
  std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::invalid_options:
        return "a discovery option is out of range";
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
