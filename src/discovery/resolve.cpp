#include "discovery/resolve.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <utility>

namespace pgsteer::discovery {

using boost::asio::ip::tcp;

resolve_function make_resolver(boost::asio::io_context& context) {
  const auto resolver = std::make_shared<tcp::resolver>(context);
  return [resolver](const std::string& name, std::function<void(error_code, addresses)> on_end) {
    const auto on_resolved = [on_end = std::move(on_end)](const error_code& ec,
                                                          const tcp::resolver::results_type& results) {
      addresses found;
      for (const auto& entry : results) found.push_back(entry.endpoint().address().to_string());
      on_end(ec, std::move(found));
    };
    resolver->async_resolve(name, "", on_resolved);
  };
}

}  // namespace pgsteer::discovery
