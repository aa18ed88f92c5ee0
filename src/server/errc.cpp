#include "server/errc.hpp"

#include <string>

namespace pgsteer::server {
namespace {

class category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "pgsteer.server"; }
  std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::cannot_listen:
        return "cannot listen";
      case errc::cannot_start:
        return "cannot start";
    }
    return "unknown error";
  }
};

}  // namespace

const boost::system::error_category& server_category() noexcept {
  static const category instance;
  return instance;
}

}  // namespace pgsteer::server
