#include "admin/http_server.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <utility>

#include "pgsteer/base/log.hpp"
#include "pgsteer/net/as_result.hpp"
#include "pgsteer/net/socket.hpp"
#include "pgsteer/net/spawn.hpp"

namespace pgsteer::admin {
namespace {

namespace asio = boost::asio;
using net::as_result;

// Out of descriptors, accept() fails again at once: wait a little instead of spinning.
constexpr duration accept_pause = milliseconds{100};

// Said without reading the request; a client that talks first finds it in front of the end of the stream.
constexpr std::string_view too_many_connections =
    "HTTP/1.1 503 Service Unavailable\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Content-Length: 21\r\n"
    "Connection: close\r\n"
    "\r\n"
    "too many connections\n";

}  // namespace

http_server::http_server(asio::io_context& context, std::string_view name, std::unique_ptr<responder> pages,
                         const admin_limits& limits)
    : context_(context), name_(name), pages_(std::move(pages)), limits_(limits), retry_(context) {}

void http_server::start(acceptor listening) {
  acceptor_ = std::move(listening);
}

void http_server::serve() {
  if (acceptor_) net::spawn(context_, accept(shared_from_this()), name_);
}

void http_server::retire() {
  is_retired_ = true;
  error_code ignored;
  if (acceptor_) acceptor_->close(ignored);
  retry_.cancel();
}

void http_server::stop() {
  retire();
  is_stopped_ = true;
  for (const auto& each : sessions_) each->close();
}

asio::awaitable<void> http_server::accept(std::shared_ptr<http_server> self) {
  bool was_failing = false;
  while (!self->is_retired_) {
    auto [ec, socket] = co_await self->acceptor_->async_accept(as_result);
    if (self->is_stopped_) co_return;
    if (!ec) {
      self->admit(std::move(socket));
    } else if (!self->is_retired_) {
      if (!was_failing) {
        log(log_level::warning, "connections to pgsteer itself cannot be accepted",
            {{"port", self->name_}, {"error", std::string_view(ec.message())}});
      }
      self->retry_.expires_after(accept_pause);
      co_await self->retry_.async_wait(as_result);
    }
    was_failing = ec.failed();
  }
}

void http_server::admit(stream_socket socket) {
  if (sessions_.size() >= limits_.connections_max) {
    net::send_best_effort(socket.native_handle(), as_bytes(too_many_connections));
    return;
  }
  const int on = 1;  // an answer is one write; nothing will join it. A Unix socket knows no such option.
  (void)::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  auto session = std::make_shared<http_session>(std::move(socket), *pages_, limits_);
  sessions_.insert(session);
  net::spawn(context_, run(shared_from_this(), std::move(session)), name_);
}

asio::awaitable<void> http_server::run(std::shared_ptr<http_server> self, session_ptr session) {
  // Gives the place back however run() ends.
  struct membership {
    std::set<session_ptr>& all;
    session_ptr member;
    ~membership() { all.erase(member); }
  };
  const membership place{self->sessions_, session};
  co_await session->run();
}

}  // namespace pgsteer::admin
