#include "pgsteer/admin/errc.hpp"

#include <string>

namespace pgsteer::admin {
namespace {

class category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "pgsteer.admin"; }
  std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::invalid_options:
        return "the admin listener has no address";
    }
    return "unknown error";
  }
};

}  // namespace

const boost::system::error_category& admin_category() noexcept {
  static const category instance;
  return instance;
}

}  // namespace pgsteer::admin
