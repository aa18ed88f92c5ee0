#include "support/fake_api.hpp"

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <sstream>

#include "pgsteer/net/as_result.hpp"
#include "pgsteer/net/spawn.hpp"

namespace pgsteer::test {

namespace asio = boost::asio;
namespace ssl = asio::ssl;
using asio::ip::tcp;
using net::as_result;

namespace {

std::string chunk(const std::string& bytes) {
  if (bytes.empty()) return {};
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
  return size + bytes + "\r\n";
}

api_asked parse(const std::string& text, std::size_t connection) {
  api_asked asked;
  asked.connection = connection;
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);
  std::istringstream words(line);
  std::string method;
  words >> method >> asked.target;
  const std::string bearer = "Authorization: Bearer ";
  while (std::getline(lines, line)) {
    if (line.starts_with(bearer)) asked.token = line.substr(bearer.size(), line.find('\r') - bearer.size());
  }
  return asked;
}

}  // namespace

std::string api_asked::parameter(const std::string& name) const {
  std::istringstream query(target.substr(target.find('?') + 1));
  for (std::string each; std::getline(query, each, '&');) {
    if (each.starts_with(name + "=")) return each.substr(name.size() + 1);
  }
  return {};
}

struct fake_api::shared : std::enable_shared_from_this<shared> {
  struct connection {
    connection(tcp::socket socket, ssl::context& tls)
        : stream(std::move(socket), tls), news(stream.get_executor()) {}
    ssl::stream<tcp::socket> stream;
    asio::steady_timer news;  // wakes whoever waits for more to send
    std::size_t number = 0;
    std::string to_send;
    bool is_watch = false;
    bool is_ended = false;
  };

  explicit shared(asio::io_context& on, const server_certificate& certificate)
      : context(on), acceptor(on), tls(ssl::context::tls_server), thaw(on) {
    tls.use_certificate_chain(asio::buffer(certificate.certificate));
    tls.use_private_key(asio::buffer(certificate.key), ssl::context::pem);
    listen({asio::ip::make_address("127.0.0.1"), 0});
  }

  void listen(const tcp::endpoint& where) {
    acceptor.open(where.protocol());
    acceptor.set_option(tcp::acceptor::reuse_address(true));
    acceptor.bind(where);
    acceptor.listen();
    address = acceptor.local_endpoint();
  }

  static asio::awaitable<void> accept(std::shared_ptr<shared> self) {
    while (true) {
      auto [ec, socket] = co_await self->acceptor.async_accept(as_result);
      if (ec) co_return;
      const auto made = std::make_shared<connection>(std::move(socket), self->tls);
      made->number = ++self->accepted;
      self->open.push_back(made);
      net::spawn(self->context, serve(self, made), "fake API connection");
    }
  }

  static asio::awaitable<void> serve(std::shared_ptr<shared> self, std::shared_ptr<connection> with) {
    while (self->is_frozen) co_await self->thaw.async_wait(as_result);
    const auto [ec] = co_await with->stream.async_handshake(ssl::stream_base::server, as_result);
    bool is_open = !ec;
    std::string received;
    while (is_open) {
      const auto [unread, n] = co_await asio::async_read_until(
          with->stream, asio::dynamic_buffer(received, 65536), "\r\n\r\n", as_result);
      if (unread) break;
      self->asked.push_back(parse(received.substr(0, n), with->number));
      received.erase(0, n);
      if (self->owner == nullptr) break;
      const api_answered answer = self->owner->respond(self->asked.back());
      is_open = co_await say(with, answer);
    }
    error_code ignored;
    with->stream.next_layer().close(ignored);
    std::erase(self->open, with);
  }

  // False: the connection is over.
  static asio::awaitable<bool> say(std::shared_ptr<connection> with, api_answered answer) {
    if (answer.is_silent && with->stream.next_layer().is_open()) {
      with->news.expires_at(asio::steady_timer::time_point::max());
      co_await with->news.async_wait(as_result);
      co_return false;
    }
    // Before the client can know of it: what it then makes the test send() is sent.
    with->is_watch = answer.then == api_answered::after::open;
    with->is_ended = !with->is_watch;
    const std::string head = "HTTP/1.1 " + std::to_string(answer.status) +
                             " Some Reason\r\nContent-Type: application/json\r\n" + answer.headers +
                             "Transfer-Encoding: chunked\r\n\r\n" + chunk(answer.body);
    const auto [ec, n] = co_await asio::async_write(with->stream, asio::buffer(head), as_result);
    if (ec || answer.then == api_answered::after::cut) co_return false;
    while (true) {
      const bool is_last = with->is_ended;
      const std::string bytes = chunk(std::exchange(with->to_send, {})) + (is_last ? "0\r\n\r\n" : "");
      if (!bytes.empty()) {
        const auto [failed, sent] = co_await asio::async_write(with->stream, asio::buffer(bytes), as_result);
        if (failed) co_return false;
      }
      if (is_last) break;
      if (with->is_ended || !with->to_send.empty()) continue;
      if (!with->stream.next_layer().is_open()) co_return false;
      with->news.expires_at(asio::steady_timer::time_point::max());
      co_await with->news.async_wait(as_result);
    }
    with->is_watch = false;
    co_return true;
  }

  void cut() {
    for (const auto& each : open) {
      error_code ignored;
      each->stream.next_layer().close(ignored);
      each->news.cancel();
    }
  }

  asio::io_context& context;
  tcp::acceptor acceptor;
  ssl::context tls;
  tcp::endpoint address;
  asio::steady_timer thaw;
  bool is_frozen = false;
  fake_api* owner = nullptr;
  std::vector<std::shared_ptr<connection>> open;
  std::vector<api_asked> asked;
  std::size_t accepted = 0;
};

fake_api::fake_api(asio::io_context& context, server_certificate certificate)
    : shared_(std::make_shared<shared>(context, certificate)) {
  shared_->owner = this;
  net::spawn(context, shared::accept(shared_), "fake API");
}

fake_api::~fake_api() {
  shared_->owner = nullptr;
  close();
}

endpoint fake_api::address() const {
  return {"127.0.0.1", shared_->address.port()};
}

void fake_api::set_frozen(bool is_frozen) {
  shared_->is_frozen = is_frozen;
  shared_->thaw.expires_at(is_frozen ? asio::steady_timer::time_point::max()
                                     : asio::steady_timer::time_point::min());
}

void fake_api::send(const std::string& bytes) {
  for (const auto& each : shared_->open) {
    if (!each->is_watch) continue;
    each->to_send += bytes;
    each->news.cancel();
  }
}

void fake_api::end_watches() {
  for (const auto& each : shared_->open) {
    if (!each->is_watch) continue;
    each->is_ended = true;
    each->news.cancel();
  }
}

void fake_api::cut() {
  shared_->cut();
}

void fake_api::stop_listening() {
  error_code ignored;
  shared_->acceptor.close(ignored);
}

void fake_api::listen_again() {
  shared_->listen(shared_->address);
  net::spawn(shared_->context, shared::accept(shared_), "fake API");
}

void fake_api::close() {
  stop_listening();
  set_frozen(false);
  shared_->cut();
}

const std::vector<api_asked>& fake_api::asked() const {
  return shared_->asked;
}

std::size_t fake_api::open_watches() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(shared_->open, [](const auto& each) { return each->is_watch; }));
}

std::size_t fake_api::connections() const {
  return shared_->accepted;
}

}  // namespace pgsteer::test
