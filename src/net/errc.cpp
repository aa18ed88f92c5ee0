#include "pgsteer/net/errc.hpp"

#include <string>

namespace pgsteer::net {
namespace {

class category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "pgsteer.net"; }
  std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::not_numeric:
        return "expected a numeric IP address";
    }
    return "unknown error";
  }
};

}  // namespace

const boost::system::error_category& net_category() noexcept {
  static const category instance;
  return instance;
}

}  // namespace pgsteer::net
