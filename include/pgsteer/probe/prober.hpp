#pragma once
// prober: keeps asking every backend who it is, and hands each probe_result to one callback.
//
// Not a judge: it never decides a role. Lives on the control thread; backends never wait for one another.
//
// Flow: set_targets() whenever discovery changed -> on_result for every probe that ends, on_late for one that
// is overdue -> hint(id) or hint_all() when something suggests a change: probes at once and then every
// burst_interval, until burst_time has passed or end_bursts() is called -> stop().
#include <boost/asio/io_context.hpp>
#include <cstdint>
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

// Called on the control thread; only on_result must be set.
struct probe_callbacks {
  std::function<void(topology::backend_id, const topology::probe_result&)> on_result;
  // The question asked at sent_at has had no answer for late_after. Its result comes later all the same.
  std::function<void(topology::backend_id, time_point sent_at)> on_late;
  // How many logins of clients the backend has answered so far: a probe's login that times out while this
  // grows met a busy backend, not a hung one.
  std::function<std::uint64_t(topology::backend_id)> logins_answered;
  // How many clients it has let in so far, not counting those that it refused. While this grows, a primary is
  // not tried by logins of the probe's own.
  std::function<std::uint64_t(topology::backend_id)> logins_let_in;
  // How many sessions of clients are on it: those that outlive its refusals tell a shutdown that waits for
  // them from a start.
  std::function<std::uint64_t(topology::backend_id)> sessions;
};

class prober {
 public:
  prober(boost::asio::io_context& context, probe_options options, probe_callbacks callbacks);
  ~prober();
  prober(const prober&) = delete;
  prober& operator=(const prober&) = delete;

  // Starts probes of new targets, ends those of targets no longer named.
  void set_targets(std::span<const probe_target> targets);
  // Open connections stay. Where the new options log in otherwise, a login by them comes beside each at once,
  // and takes its place once it has answered.
  void change_options(const probe_options& options);
  // The password or a certificate has changed: as if the options logged in otherwise.
  void renew_logins();
  void hint(topology::backend_id id);
  void hint_all();
  // A login there is slow: asks at once, but no burst follows, and tries a fresh login. Cheap enough for
  // every such login.
  void ask_once(topology::backend_id id);
  // A newer answer of it is wanted, and nothing is wrong there.
  void ask_soon(topology::backend_id id);
  void end_bursts();
  void stop();

 private:
  struct shared_state;
  std::shared_ptr<shared_state> state_;
};

}  // namespace pgsteer::probe
