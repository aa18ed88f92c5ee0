#pragma once
// The maker of the Kubernetes source with its deadlines as an argument: what make_source() and tests call.
//
// Control thread.
#include <boost/asio/io_context.hpp>
#include <memory>

#include "discovery/api_connection.hpp"
#include "pgsteer/discovery/source.hpp"

namespace pgsteer::discovery {

// However fast pods change, the set and the hints are handed over no oftener than this: each may be published
// to every worker, and a probe's burst interval is as long.
inline constexpr duration publish_gap_min = milliseconds{20};

// Each pod is called pod:port, as in "pg-1:5432".
[[nodiscard]] std::unique_ptr<source> make_kubernetes_source(boost::asio::io_context& context,
                                                             const kubernetes_options& options,
                                                             const zone_option& zone,
                                                             const api_timing& timing);

}  // namespace pgsteer::discovery
