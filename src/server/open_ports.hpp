#pragma once
// open_ports: everything that listens: the listeners, the admin port and the control socket.
//
// Answers nothing itself. Control thread.
//
// Flow: prepare(config) binds what differs from before, and may fail -> the workers are given
// next.listeners.options -> carry_out(next) -> stop().
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pgsteer/admin/admin_server.hpp"
#include "pgsteer/admin/control_server.hpp"
#include "pgsteer/config/config.hpp"
#include "pgsteer/net/inherited_sockets.hpp"
#include "server/listener_set.hpp"

namespace pgsteer::server {

class open_ports {
 public:
  open_ports(boost::asio::io_context& control, listener_set& listeners, admin::admin_provider pages,
             admin::control_provider orders);

  // Bound and not yet in use; closed with this unless it is carried out. Null: stays as it is.
  struct change {
    listener_set::change listeners;
    std::unique_ptr<admin::admin_server> admin;
    std::unique_ptr<admin::control_server> control;
    admin::admin_options admin_options;
    admin::control_options control_options;
    endpoint admin_address;
  };
  // Errors: errc::cannot_listen, with the reason in failure().
  // inherited: used before any is bound.
  [[nodiscard]] result<change> prepare(const config::config& next, net::inherited_sockets inherited = {});
  void carry_out(change next);
  void stop();

  // For a process that takes over. The descriptors are copies.
  [[nodiscard]] std::vector<net::inherited_socket> copies() const;
  // Accepts nobody for now: whoever comes waits in the queues, for this or another process. Who has asked at
  // the admin port or the control socket already is answered.
  void suspend();
  void resume();
  // A command waits at the control socket.
  [[nodiscard]] bool is_answering() const noexcept { return control_ && control_->is_answering(); }

  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
  [[nodiscard]] const endpoint& admin_address() const noexcept { return admin_address_; }

 private:
  error_code cannot_listen(std::string why);
  // Sockets that those to be bound may follow, as in net::listen().
  [[nodiscard]] std::vector<int> followed(const net::inherited_sockets& inherited) const;
  [[nodiscard]] result<void> open_own(const config::config& next, net::inherited_sockets& inherited,
                                      change& made);

  boost::asio::io_context& control_thread_;
  listener_set& listeners_;
  const admin::admin_provider pages_;
  const admin::control_provider orders_;
  std::unique_ptr<admin::admin_server> admin_;
  std::unique_ptr<admin::control_server> control_;
  admin::admin_options admin_options_;
  admin::control_options control_options_;
  endpoint admin_address_;
  net::inherited_sockets suspended_;
  std::string failure_;
};

}  // namespace pgsteer::server
