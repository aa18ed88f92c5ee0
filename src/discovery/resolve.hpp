#pragma once
// How a name becomes addresses: a function, so that tests answer without a network.
//
// Not a cache and not a schedule: name_watch asks again and keeps the last good answer. Control thread.
#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>
#include <vector>

#include "pgsteer/base/result.hpp"

namespace pgsteer::discovery {

// Numeric addresses in the order of the answer, best first.
using addresses = std::vector<std::string>;

// Never calls back from inside the call; calls back once, on the control thread.
using resolve_function =
    std::function<void(const std::string& name, std::function<void(error_code, addresses)> on_end)>;

// getaddrinfo(), in the io_context's own resolver thread: a slow name server never blocks the caller. All A
// and AAAA records, whatever addresses this machine has itself.
[[nodiscard]] resolve_function make_resolver(boost::asio::io_context& context);

}  // namespace pgsteer::discovery
