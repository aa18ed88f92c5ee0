#include <variant>

#include "discovery/sources.hpp"

namespace pgsteer::discovery {
namespace {

struct maker {
  boost::asio::io_context& context;

  std::unique_ptr<source> operator()(const static_options& options) const {
    return make_static_source(context, options, make_resolver(context));
  }
  std::unique_ptr<source> operator()(const dns_options& options) const {
    return make_dns_source(context, options, make_resolver(context));
  }
};

}  // namespace

std::unique_ptr<source> make_source(boost::asio::io_context& context, const discovery_options& options) {
  return std::visit(maker{context}, options);
}

}  // namespace pgsteer::discovery
