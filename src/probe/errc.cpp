#include "pgsteer/probe/errc.hpp"

#include <string>

namespace pgsteer::probe {
namespace {

class category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "pgsteer.probe"; }
  std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::invalid_options:
        return "a probe option is out of range or contradicts another";
    }
    return "unknown error";
  }
};

}  // namespace

const boost::system::error_category& probe_category() noexcept {
  static const category instance;
  return instance;
}

}  // namespace pgsteer::probe
