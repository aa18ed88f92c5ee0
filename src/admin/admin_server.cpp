#include "pgsteer/admin/admin_server.hpp"

#include <utility>

#include "admin/http_server.hpp"
#include "admin/routes.hpp"
#include "pgsteer/net/socket.hpp"

namespace pgsteer::admin {
namespace {

class pages final : public responder {
 public:
  explicit pages(admin_provider provider) : provider_(std::move(provider)) {}
  boost::asio::awaitable<response> answer(request asked) override { co_return respond(asked, provider_); }

 private:
  const admin_provider provider_;
};

}  // namespace

admin_server::admin_server(boost::asio::io_context& context, admin_options options, admin_provider provider,
                           admin_limits limits)
    : context_(context),
      options_(std::move(options)),
      server_(std::make_shared<http_server>(context, "admin", std::make_unique<pages>(std::move(provider)),
                                            limits)) {}

admin_server::~admin_server() {
  if (!server_->is_retired()) stop();
}

result<endpoint> admin_server::start(std::span<const int> successor_of, net::unique_fd inherited) {
  auto listening = inherited.is_open() ? net::adopt_listening(context_, std::move(inherited))
                                       : net::listen(context_, options_.bind, successor_of);
  if (listening.has_error()) return listening.error();
  error_code ec;
  const auto bound = listening->local_endpoint(ec);
  if (ec) return ec;
  server_->start(std::move(*listening));
  return net::to_endpoint(bound);
}

void admin_server::serve() {
  server_->serve();
}

int admin_server::socket() const noexcept {
  return server_->socket();
}

void admin_server::retire() {
  server_->retire();
}

void admin_server::stop() {
  server_->stop();
}

}  // namespace pgsteer::admin
