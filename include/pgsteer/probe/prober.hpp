#pragma once
// prober: keeps asking every backend who it is, and hands each probe_result to one callback.
//
// Not a judge: it never decides a role. Lives on the control thread; backends never wait for one another.
//
// Flow: set_targets() whenever discovery changed -> on_result for every probe that ends -> hint(id) or
// hint_all() when something smells of a change: probes at once and then every burst_interval, until
// burst_time has passed or settle() is called -> stop().
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "pgsteer/base/endpoint.hpp"
#include "pgsteer/probe/options.hpp"
#include "pgsteer/topology/probe_result.hpp"
#include "pgsteer/topology/types.hpp"

namespace pgsteer::probe {

struct probe_target {
  topology::backend_id id;
  std::string name;  // as configured, host or host:port; verify-full checks the certificate against the host
  endpoint address;  // numeric

  friend bool operator==(const probe_target&, const probe_target&) = default;
};

class prober {
 public:
  using on_result = std::function<void(topology::backend_id, const topology::probe_result&)>;

  prober(boost::asio::io_context& context, probe_options options, on_result handler);
  ~prober();
  prober(const prober&) = delete;
  prober& operator=(const prober&) = delete;

  // Starts probes of new targets, ends those of targets no longer named.
  void set_targets(std::span<const probe_target> targets);
  void hint(topology::backend_id id);
  void hint_all();
  void settle();
  void stop();

 private:
  struct shared_state;
  std::shared_ptr<shared_state> state_;
};

}  // namespace pgsteer::probe
