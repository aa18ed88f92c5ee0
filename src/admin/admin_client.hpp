#pragma once
// A client of the admin port and of the control socket, for the commands that ask a running pgsteer: a few
// requests over one connection, under one deadline.
//
// Not a general HTTP client: no redirects, no TLS. Blocks the calling thread; runs its own io_context.
#include <boost/beast/http/status.hpp>
#include <string>
#include <string_view>
#include <variant>
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

struct unix_path {
  std::string text;
};
using peer = std::variant<endpoint, unix_path>;

struct question {
  enum class kind { get, order };  // an order changes something: POST
  std::string target;
  kind what = kind::get;
  std::string body = {};  // JSON, of an order that takes something with it
};

// One answer for each question, in order. Errors: what resolving, connecting or HTTP ended with;
// asio::error::timed_out if it all took longer than patience.
[[nodiscard]] result<std::vector<fetched>> ask(const peer& whom, std::vector<question> questions,
                                               duration patience);

}  // namespace pgsteer::admin
