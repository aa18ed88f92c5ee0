#include "pgsteer/relay/errc.hpp"

#include <string>

namespace pgsteer::relay {
namespace {

class category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "pgsteer.relay"; }
  std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::invalid_options:
        return "a relay option is out of range";
    }
    return "unknown error";
  }
};

}  // namespace

const boost::system::error_category& relay_category() noexcept {
  static const category instance;
  return instance;
}

}  // namespace pgsteer::relay
