#pragma once
// server: the whole proxy, wired. Control thread (discovery, probes, topology, admin, accepting) and workers.
//
// Flow: server(config) -> start() binds and spawns workers -> run() blocks on the control thread until
// drained -> destructor. Tests use bound_endpoint() and request_stop() from another thread.
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "pgsteer/admin/control_server.hpp"
#include "pgsteer/base/endpoint.hpp"
#include "pgsteer/base/result.hpp"
#include "pgsteer/config/config.hpp"

namespace pgsteer::server {

// Blocks SIGTERM, SIGINT and SIGHUP in the calling thread and those it starts, until run(true) takes them: a
// signal that comes while the server starts is not lost and does not kill it.
void block_signals() noexcept;

// What a reload, and a process that is to take over, take the configuration from.
struct config_source {
  std::string file;                      // to be watched; empty: none
  std::function<config::config()> read;  // throws config_error; called on a thread of its own
  // The program that runs, for a process that is to take over from this one; empty: there can be none.
  std::string binary = {};
  // The control socket of a process to take over from; empty: none. Nobody is there: it starts as usual.
  std::string take_over_from = {};
};

class server {
 public:
  explicit server(config::config options, config_source source = {});
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  // Binds every listener and the admin port, starts the workers. Errors: errc::cannot_listen and
  // errc::cannot_start with the reason in failure().
  [[nodiscard]] result<void> start();
  [[nodiscard]] const std::string& failure() const noexcept;
  // With handle_signals, SIGTERM and SIGINT drain and a second one ends at once; SIGHUP reloads. Returns the
  // exit code.
  int run(bool handle_signals);
  // Takes the configuration in anew, and what is remembered of the fence. on_done: on the control thread. Any
  // thread.
  void request_reload(std::function<void(const admin::reload_report&)> on_done);
  // Starts a process that takes over; empty binary: of this one's program. Any thread.
  void request_upgrade(const std::string& binary, std::function<void(const admin::upgrade_report&)> on_done);
  // Drains as SIGTERM does; the second call ends at once. Any thread.
  void request_stop();

  // Where the listener of this name really listens; "admin" is the admin port. Valid after start().
  [[nodiscard]] endpoint bound_endpoint(std::string_view name) const;

 private:
  class implementation;
  std::unique_ptr<implementation> implementation_;
};

}  // namespace pgsteer::server
