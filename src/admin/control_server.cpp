#include "pgsteer/admin/control_server.hpp"

#include <utility>

#include "admin/control_routes.hpp"
#include "admin/http_server.hpp"
#include "pgsteer/net/socket.hpp"

namespace pgsteer::admin {
namespace {

// Commands come one at a time, and ask at once.
constexpr admin_limits control_limits{
    .request_deadline = seconds{5}, .connections_max = 16, .body_bytes_max = 16 * 1024};

}  // namespace

control_server::control_server(boost::asio::io_context& context, control_options options,
                               control_provider provider)
    : context_(context),
      options_(std::move(options)),
      server_(std::make_shared<http_server>(context, "control",
                                            std::make_unique<control_pages>(context, std::move(provider)),
                                            control_limits)) {}

control_server::~control_server() {
  if (!server_->is_retired()) stop();
}

std::string control_server::start(net::unique_fd inherited) {
  if (options_.socket.empty()) return {};
  const bool is_own = !inherited.is_open();
  auto listening = inherited.is_open()
                       ? net::adopt_listening(context_, std::move(inherited))
                       : net::listen_unix(context_, options_.socket, net::unix_socket_access::owner);
  if (!listening) return "control: cannot listen on " + options_.socket + ": " + listening.error().message();
  if (is_own) file_ = net::unix_socket_file(options_.socket);
  server_->start(std::move(*listening));
  return {};
}

void control_server::serve() {
  file_ = net::unix_socket_file(options_.socket);
  server_->serve();
}

bool control_server::is_in_place() const {
  return options_.socket.empty() || file_.is_in_place();
}

void control_server::retire() {
  server_->retire();
  file_.remove();
}

void control_server::leave_in_place() {
  file_.leave();
  retire();
}

int control_server::socket() const noexcept {
  return server_->socket();
}

bool control_server::is_answering() const noexcept {
  return server_->connection_count() > 0;
}

void control_server::stop() {
  retire();
  server_->stop();
}

}  // namespace pgsteer::admin
