#pragma once
// A client of the admin interface for `pgsteer status`: a few GETs over one connection, under one deadline.
//
// Not a general HTTP client: no redirects, no TLS. Blocks the calling thread; runs its own io_context.
#include <boost/beast/http/status.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/base/endpoint.hpp"
#include "pgsteer/base/result.hpp"

namespace pgsteer::admin {

// http://host[:port][/]; the port is 80 if left out, as in any URL.
// Errors: pgsteer::errc::malformed_endpoint (operator).
[[nodiscard]] result<endpoint> parse_admin_url(std::string_view url);

struct fetched {
  boost::beast::http::status status{};
  std::string body;
};

// One answer for each target, in order. Errors: what resolving, connecting or HTTP ended with;
// asio::error::timed_out if it all took longer than patience.
[[nodiscard]] result<std::vector<fetched>> fetch(const endpoint& from, std::vector<std::string> targets,
                                                 duration patience);

}  // namespace pgsteer::admin
