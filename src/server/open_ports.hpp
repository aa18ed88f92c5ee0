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

#include "pgsteer/admin/admin_server.hpp"
#include "pgsteer/admin/control_server.hpp"
#include "pgsteer/config/config.hpp"
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
  [[nodiscard]] result<change> prepare(const config::config& next);
  void carry_out(change next);
  void stop();

  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
  [[nodiscard]] const endpoint& admin_address() const noexcept { return admin_address_; }

 private:
  error_code cannot_listen(std::string why);

  boost::asio::io_context& control_thread_;
  listener_set& listeners_;
  const admin::admin_provider pages_;
  const admin::control_provider orders_;
  std::unique_ptr<admin::admin_server> admin_;
  std::unique_ptr<admin::control_server> control_;
  admin::admin_options admin_options_;
  admin::control_options control_options_;
  endpoint admin_address_;
  std::string failure_;
};

}  // namespace pgsteer::server
