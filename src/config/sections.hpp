#pragma once
// The top-level sections of the file; each function names every key of its section in one place.
//
// A new key is one line in one of these functions and one in config/reference.yaml. At start only.
#include <vector>

#include "config/section.hpp"
#include "pgsteer/config/config.hpp"

namespace pgsteer::config {

void read_cluster(section& keys, config& out);
void read_failover(section& keys, topology::topology_options& out);
void read_probe(section& keys, probe::probe_options& out);
// keys is the top level: listeners and admin must not claim the same address.
void read_listeners(section& keys, config& out);
void read_control(section& keys, admin::control_options& out);
void read_relay(section& keys, relay::relay_options& out);
void read_limits(section& keys, runtime::options& out);
void read_tcp(section& keys, net::tcp_options& out);
void read_log(section& keys, log_options& out);

// A bounded number of listeners; each is a socket, a metric label and a permit pool.
inline constexpr std::size_t listeners_max = 64;

}  // namespace pgsteer::config
