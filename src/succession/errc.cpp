#include "pgsteer/succession/errc.hpp"

#include <string>

namespace pgsteer::succession {
namespace {

class category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "pgsteer.succession"; }
  std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::peer_gone:
        return "the other process is gone";
      case errc::timed_out:
        return "the other process did not answer in time";
      case errc::not_understood:
        return "the other process says what this version does not understand";
    }
    return "unknown error";
  }
};

}  // namespace

const boost::system::error_category& succession_category() noexcept {
  static const category instance;
  return instance;
}

}  // namespace pgsteer::succession
