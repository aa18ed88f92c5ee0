#include "server/open_ports.hpp"

#include <utility>
#include <vector>

#include "server/errc.hpp"

namespace pgsteer::server {

open_ports::open_ports(boost::asio::io_context& control, listener_set& listeners, admin::admin_provider pages,
                       admin::control_provider orders)
    : control_thread_(control), listeners_(listeners), pages_(std::move(pages)), orders_(std::move(orders)) {}

result<open_ports::change> open_ports::prepare(const config::config& next) {
  change made;
  std::vector<int> before = listeners_.sockets();
  if (admin_) before.push_back(admin_->socket());
  if (!admin_ || next.admin != admin_options_) {
    made.admin = std::make_unique<admin::admin_server>(control_thread_, next.admin, pages_);
    made.admin_options = next.admin;
    const auto bound = made.admin->start(before);
    if (!bound) {
      const std::string where = to_string(next.admin.bind);
      return cannot_listen("admin: cannot listen on " + where + ": " + bound.error().message());
    }
    made.admin_address = *bound;
  }
  if (!control_ || next.control != control_options_ || !control_->is_in_place()) {
    made.control = std::make_unique<admin::control_server>(control_thread_, next.control, orders_);
    made.control_options = next.control;
    if (std::string problem = made.control->start(); !problem.empty())
      return cannot_listen(std::move(problem));
  }
  auto listeners = listeners_.prepare(next.runtime.listeners, next.runtime.tcp, before);
  if (!listeners) return cannot_listen(listeners_.failure());
  made.listeners = std::move(*listeners);
  return made;
}

error_code open_ports::cannot_listen(std::string why) {
  failure_ = std::move(why);
  return errc::cannot_listen;
}

void open_ports::carry_out(change next) {
  if (next.admin) {
    if (admin_) admin_->retire();
    admin_ = std::move(next.admin);
    admin_options_ = std::move(next.admin_options);
    admin_address_ = std::move(next.admin_address);
  }
  if (next.control) {
    if (control_) control_->retire();
    control_ = std::move(next.control);
    control_options_ = std::move(next.control_options);
  }
  listeners_.carry_out(std::move(next.listeners));
}

void open_ports::stop() {
  if (admin_) admin_->stop();
  if (control_) control_->stop();
}

}  // namespace pgsteer::server
