#pragma once
// The control socket: what changes something in a running pgsteer. HTTP over a Unix socket of mode 0600, so
// that whoever may open it is its user or root.
//
// Decides nothing: the provider does. Lives on the control thread.
//
//   POST /v1/reload      reads the configuration anew
//   GET  /v1/config      the effective configuration, YAML
//   POST /v1/upgrade     starts a process that takes over; {"binary": PATH}, or nothing
//   POST /v1/backend     an order about one backend; {"backend": ADDR, "order": "disable"|"drain"|"resume",
//                        "seconds": 600}, or without seconds
//   POST /v1/drain       stops as on SIGTERM
//   POST /v1/hand-over   becomes what that one is handed everything through
//   GET  /v1/sessions    the live sessions
//   POST /v1/sessions/ID/kill   ends one of them
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pgsteer/admin/backend_order.hpp"
#include "pgsteer/admin/options.hpp"
#include "pgsteer/admin/session_list.hpp"
#include "pgsteer/net/unique_fd.hpp"
#include "pgsteer/net/unix_socket.hpp"

namespace pgsteer::admin {

// What became of a reload.
struct reload_report {
  enum class outcome {
    applied,
    invalid,     // the configuration is
    impossible,  // it is valid, and this process or host cannot do as it says
  };
  struct change {
    std::string key;
    std::string before;
    std::string after;
  };
  outcome what = outcome::applied;
  std::vector<std::string> problems;  // one line each; nothing has changed then
  std::vector<change> changes;
  std::vector<std::string> restart_keys;  // of these changes: the process goes on with the old value
};

// What became of an upgrade.
struct upgrade_report {
  enum class outcome {
    done,
    impossible,  // this process goes on as before
  };
  outcome what = outcome::impossible;
  std::string problem;
  std::int64_t pid = 0;        // of the process that has taken over
  std::uint64_t sessions = 0;  // that it was given by then
};

struct control_provider {
  // Has on_done called on the control thread, soon.
  std::function<void(std::function<void(const reload_report&)> on_done)> reload;
  std::function<std::string()> config_yaml;
  // Likewise. binary: the program to start; empty: the one that runs.
  std::function<void(const std::string& binary, std::function<void(const upgrade_report&)> on_done)> upgrade;
  std::function<backend_order_report(const backend_order& order)> order_backend;
  std::function<drain_report()> drain;  // which begins only after this has returned
  // Why nothing can be handed over now, or nothing; and then, through a connection to the one that asked.
  std::function<std::string()> why_no_hand_over;
  std::function<void(net::unique_fd connected)> hand_over;
  // Has the taker called on the control thread, from now on.
  std::function<void(session_list_taker taker)> sessions;
  // Likewise, as for a reload.
  std::function<void(const std::string& id, std::function<void(const kill_report&)> on_done)> kill_session;
};

class http_server;

class control_server {
 public:
  control_server(boost::asio::io_context& context, control_options options, control_provider provider);
  ~control_server();
  control_server(const control_server&) = delete;
  control_server& operator=(const control_server&) = delete;

  // Binds, unless options.socket is empty; whoever comes waits until serve(). inherited: listens there
  // already, and the file is another process's until serve(). Returns why that is not possible, or nothing.
  [[nodiscard]] std::string start(net::unique_fd inherited = {});
  void serve();
  // False: the socket's file is gone, or another one's.
  [[nodiscard]] bool is_in_place() const;
  // Takes the socket away; who has asked already is answered, even after the destruction of this.
  void retire();
  // As retire(), but the socket stays, for whoever else listens on it.
  void leave_in_place();
  [[nodiscard]] int socket() const noexcept;
  // Somebody has connected and has not got all of his answer.
  [[nodiscard]] bool is_answering() const noexcept;
  // Closes every connection too. Idempotent; the destructor does it unless retire() was called.
  void stop();

 private:
  boost::asio::io_context& context_;
  const control_options options_;
  const std::shared_ptr<http_server> server_;
  net::unix_socket_file file_;
};

}  // namespace pgsteer::admin
