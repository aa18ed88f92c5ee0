#include "session/login_socket.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "pgsteer/relay/socket_io.hpp"

namespace pgsteer::session {
namespace asio = boost::asio;

void login_socket::take(net::unique_fd fd) {
  close();
  change_socket();
  fd_ = std::move(fd);
}

net::unique_fd login_socket::release() {
  cancel();
  return std::move(fd_);
}

asio::awaitable<login_socket::received> login_socket::read_some(mutable_byte_span into) {
  for (;;) {
    const relay::io_outcome got = relay::read_some(fd_.value(), into);
    if (got.n > 0) co_return received{{}, got.n};
    if (got.error == 0) co_return received{asio::error::eof, 0};
    if (got.has_failed()) co_return received{relay::to_error_code(got.error), 0};
    const error_code ec = co_await wait(relay::readiness::readable);
    if (ec) co_return received{ec, 0};
  }
}

asio::awaitable<error_code> login_socket::write(byte_span bytes) {
  for (;;) {
    const relay::io_outcome sent = relay::write_some(fd_.value(), bytes);
    if (sent.has_failed()) co_return relay::to_error_code(sent.error);
    bytes = bytes.subspan(sent.n);
    if (bytes.empty()) co_return error_code();
    const error_code ec = co_await wait(relay::readiness::writable);
    if (ec) co_return ec;
  }
}

asio::awaitable<error_code> login_socket::wait(relay::readiness what) {
  is_cancelled_ = false;
  ready_.reset();
  if (const result<void> begun = engine_.wait(*this, fd_.value(), what); !begun) co_return begun.error();
  co_await ready_.wait();
  co_return is_cancelled_ ? error_code(asio::error::operation_aborted) : error_code();
}

void login_socket::when_readable(std::function<void()> action) {
  // Without a watch the client is merely found to have left later.
  if (!engine_.wait(*this, fd_.value(), relay::readiness::readable)) return;
  action_ = std::make_shared<std::function<void()>>(std::move(action));
}

void login_socket::on_ready() {
  if (!action_) return ready_.set();
  asio::post(context_, [this, action = std::weak_ptr(action_)] {
    const auto wanted = action.lock();  // and so this is still there
    if (!wanted) return;
    action_.reset();
    (*wanted)();
  });
}

void login_socket::cancel() {
  action_.reset();
  is_cancelled_ = true;  // also if it is ready, and its coroutine about to go on
  if (!is_waiting()) return;
  engine_.forget(*this);
  ready_.set();
}

void login_socket::close() {
  cancel();
  fd_.reset();
}

}  // namespace pgsteer::session
