#include "pgsteer/base/errc.hpp"

#include <string>

namespace pgsteer {
namespace {

class category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "pgsteer.base"; }
  std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::malformed_endpoint:
        return "expected host:port with a port from 0 to 65535";
    }
    return "unknown error";
  }
};

}  // namespace

const boost::system::error_category& base_category() noexcept {
  static const category instance;
  return instance;
}

}  // namespace pgsteer
