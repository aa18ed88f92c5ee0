#pragma once
// The makers of the sources that resolve names, with the resolver as an argument: what make_source() and
// tests call.
//
// One file per kind; the classes are private to it. Control thread.
#include <boost/asio/io_context.hpp>
#include <memory>

#include "discovery/resolve.hpp"
#include "discovery/zone_finder.hpp"
#include "pgsteer/discovery/source.hpp"

namespace pgsteer::discovery {

// Numeric entries are there at once. A name stands for one backend: its first address, and that one for as
// long as it is among the answers, since the order of answers is often shuffled.
[[nodiscard]] std::unique_ptr<source> make_static_source(boost::asio::io_context& context,
                                                         const static_options& options,
                                                         resolve_function resolve, own_place own = {});

// Every backend is called name:port, whatever its address: the name is what its certificate must carry.
[[nodiscard]] std::unique_ptr<source> make_dns_source(boost::asio::io_context& context,
                                                      const dns_options& options, resolve_function resolve);

}  // namespace pgsteer::discovery
