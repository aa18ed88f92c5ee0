#include "pgsteer/admin/admin_server.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <set>
#include <utility>

#include "admin/http_session.hpp"
#include "pgsteer/base/log.hpp"
#include "pgsteer/net/as_result.hpp"
#include "pgsteer/net/socket.hpp"
#include "pgsteer/net/spawn.hpp"

namespace pgsteer::admin {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using net::as_result;

// Out of descriptors, accept() fails again at once: wait a little instead of spinning.
constexpr duration accept_pause = milliseconds{100};

// Said without reading the request; a client that talks first finds it in front of the end of the stream.
constexpr std::string_view too_many_connections =
    "HTTP/1.1 503 Service Unavailable\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Content-Length: 42\r\n"
    "Connection: close\r\n"
    "\r\n"
    "too many connections to the admin address\n";

}  // namespace

// Kept alive by the coroutines it spawned; stop() makes them end.
class admin_server::implementation : public std::enable_shared_from_this<implementation> {
 public:
  implementation(asio::io_context& context, admin_options options, admin_provider provider,
                 admin_limits limits)
      : context_(context),
        options_(std::move(options)),
        provider_(std::move(provider)),
        limits_(limits),
        retry_(context) {}

  result<endpoint> start() {
    auto listening = net::listen(context_, options_.bind);
    if (listening.has_error()) return listening.error();
    acceptor_ = std::move(*listening);
    error_code ec;
    const auto bound = acceptor_->local_endpoint(ec);
    if (ec) return ec;
    net::spawn(context_, accept(shared_from_this()), "admin accept");
    return net::to_endpoint(bound);
  }

  void stop() {
    is_stopped_ = true;
    error_code ignored;
    if (acceptor_) acceptor_->close(ignored);
    retry_.cancel();
    for (const auto& each : sessions_) each->close();
  }

 private:
  using session_ptr = std::shared_ptr<http_session>;

  static asio::awaitable<void> accept(std::shared_ptr<implementation> self) {
    bool was_failing = false;
    while (!self->is_stopped_) {
      auto [ec, socket] = co_await self->acceptor_->async_accept(as_result);
      if (self->is_stopped_) co_return;
      if (!ec) {
        self->admit(std::move(socket));
      } else {
        if (!was_failing) {
          log(log_level::warning, "admin cannot accept", {{"error", std::string_view(ec.message())}});
        }
        self->retry_.expires_after(accept_pause);
        co_await self->retry_.async_wait(as_result);
      }
      was_failing = ec.failed();
    }
  }

  void admit(tcp::socket socket) {
    if (sessions_.size() >= limits_.connections_max) {
      net::send_best_effort(socket.native_handle(), as_bytes(too_many_connections));
      return;
    }
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);  // an answer is one write; nothing will join it
    auto session = std::make_shared<http_session>(std::move(socket), provider_, limits_);
    sessions_.insert(session);
    net::spawn(context_, serve(shared_from_this(), std::move(session)), "admin http session");
  }

  // Gives the place back however run() ends.
  struct membership {
    std::set<session_ptr>& all;
    session_ptr member;
    ~membership() { all.erase(member); }
  };

  static asio::awaitable<void> serve(std::shared_ptr<implementation> self, session_ptr session) {
    const membership place{self->sessions_, session};
    co_await session->run();
  }

  asio::io_context& context_;
  const admin_options options_;
  const admin_provider provider_;
  const admin_limits limits_;
  std::optional<tcp::acceptor> acceptor_;
  asio::steady_timer retry_;
  std::set<session_ptr> sessions_;
  bool is_stopped_ = false;
};

admin_server::admin_server(asio::io_context& context, admin_options options, admin_provider provider,
                           admin_limits limits)
    : implementation_(
          std::make_shared<implementation>(context, std::move(options), std::move(provider), limits)) {}

admin_server::~admin_server() {
  implementation_->stop();
}

result<endpoint> admin_server::start() {
  return implementation_->start();
}

void admin_server::stop() {
  implementation_->stop();
}

}  // namespace pgsteer::admin
