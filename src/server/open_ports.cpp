#include "server/open_ports.hpp"

#include <fcntl.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "server/errc.hpp"

namespace pgsteer::server {
namespace {

// Beside the names of listeners, which have no brackets.
constexpr std::string_view admin_name = "(admin)";
constexpr std::string_view control_name = "(control)";

}  // namespace

open_ports::open_ports(boost::asio::io_context& control, listener_set& listeners, admin::admin_provider pages,
                       admin::control_provider orders)
    : control_thread_(control), listeners_(listeners), pages_(std::move(pages)), orders_(std::move(orders)) {}

result<open_ports::change> open_ports::prepare(const config::config& next, net::inherited_sockets inherited) {
  change made;
  if (const auto opened = open_own(next, inherited, made); !opened) return opened.error();
  auto listeners =
      listeners_.prepare(next.runtime.listeners, next.runtime.tcp, followed(inherited), inherited);
  if (!listeners) return cannot_listen(listeners_.failure());
  made.listeners = std::move(*listeners);
  return made;
}

std::vector<int> open_ports::followed(const net::inherited_sockets& inherited) const {
  std::vector<int> all = listeners_.sockets();
  if (admin_) all.push_back(admin_->socket());
  std::ranges::copy(inherited.left(), std::back_inserter(all));
  return all;
}

// The admin port and the control socket.
result<void> open_ports::open_own(const config::config& next, net::inherited_sockets& inherited,
                                  change& made) {
  if (!admin_ || next.admin != admin_options_) {
    made.admin = std::make_unique<admin::admin_server>(control_thread_, next.admin, pages_);
    made.admin_options = next.admin;
    const auto bound =
        made.admin->start(followed(inherited), inherited.take(admin_name, to_string(next.admin.bind)).fd);
    if (!bound) {
      const std::string where = to_string(next.admin.bind);
      return cannot_listen("admin: cannot listen on " + where + ": " + bound.error().message());
    }
    made.admin_address = *bound;
  }
  if (!control_ || next.control != control_options_ || !control_->is_in_place()) {
    made.control = std::make_unique<admin::control_server>(control_thread_, next.control, orders_);
    made.control_options = next.control;
    if (std::string problem = made.control->start(inherited.take(control_name, next.control.socket).fd);
        !problem.empty())
      return cannot_listen(std::move(problem));
  }
  return {};
}

std::vector<net::inherited_socket> open_ports::copies() const {
  std::vector<net::inherited_socket> all;
  const auto add = [&all](std::string_view name, std::string bind, int fd, bool is_kept_open = false) {
    net::unique_fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (copy.is_open()) all.push_back({std::string(name), std::move(bind), std::move(copy), is_kept_open});
  };
  for (const listener_set::handed& each : listeners_.all_handed())
    add(each.name, to_string(each.bind), each.fd, each.is_kept_open);
  if (admin_) add(admin_name, to_string(admin_options_.bind), admin_->socket());
  if (control_) add(control_name, control_options_.socket, control_->socket());
  return all;
}

void open_ports::suspend() {
  for (net::inherited_socket& each : copies())
    if (each.name == admin_name || each.name == control_name) suspended_.add(std::move(each));
  listeners_.suspend();
  if (admin_) admin_->retire();
  if (control_) control_->leave_in_place();
}

void open_ports::resume() {
  listeners_.resume();
  net::inherited_sockets sockets = std::exchange(suspended_, {});
  if (admin_) {
    admin_ = std::make_unique<admin::admin_server>(control_thread_, admin_options_, pages_);
    (void)admin_->start({}, sockets.take(admin_name, to_string(admin_options_.bind)).fd);
    admin_->serve();
  }
  if (control_) {
    control_ = std::make_unique<admin::control_server>(control_thread_, control_options_, orders_);
    (void)control_->start(sockets.take(control_name, control_options_.socket).fd);
    control_->serve();
  }
}

error_code open_ports::cannot_listen(std::string why) {
  failure_ = std::move(why);
  return errc::cannot_listen;
}

void open_ports::carry_out(change next) {
  if (next.admin) {
    if (admin_) admin_->retire();
    admin_ = std::move(next.admin);
    admin_->serve();
    admin_options_ = std::move(next.admin_options);
    admin_address_ = std::move(next.admin_address);
  }
  if (next.control) {
    if (control_) control_->retire();
    control_ = std::move(next.control);
    control_->serve();
    control_options_ = std::move(next.control_options);
  }
  listeners_.carry_out(std::move(next.listeners));
}

void open_ports::stop() {
  if (admin_) admin_->stop();
  if (control_) control_->stop();
}

}  // namespace pgsteer::server
